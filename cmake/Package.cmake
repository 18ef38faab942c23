# cmake --install: headers, the archive, and what find_package(rushlight) reads.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/rushlight)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/rushlight ${GENERATED}/rushlight
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h PATTERN *.inc)
install(TARGETS rushlight EXPORT rushlight-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT rushlight-targets NAMESPACE rushlight:: DESTINATION ${PACKAGE_FOLDER})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rushlight-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/rushlight-config.cmake
              ${PROJECT_BINARY_DIR}/rushlight-config-version.cmake DESTINATION ${PACKAGE_FOLDER})
