# The Python package, importable from the build folder: PYTHONPATH=build/python.

if(NOT Python_Development.Module_FOUND)
  message(FATAL_ERROR "The headers of ${Python_EXECUTABLE} are missing: install python3-dev, "
                      "or configure with -DRUSHLIGHT_PYTHON=OFF")
endif()
execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
                OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE
                ERROR_QUIET RESULT_VARIABLE NANOBIND_MISSING)
if(NANOBIND_MISSING)
  message(FATAL_ERROR "nanobind is missing: ${Python_EXECUTABLE} -m pip install nanobind, "
                      "or configure with -DRUSHLIGHT_PYTHON=OFF")
endif()
find_package(nanobind CONFIG REQUIRED)

set(PACKAGE ${PROJECT_BINARY_DIR}/python/rushlight)
file(GLOB_RECURSE PACKAGE_FILES CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/python/rushlight
     ${PROJECT_SOURCE_DIR}/python/rushlight/*.py ${PROJECT_SOURCE_DIR}/python/rushlight/*.pyi
     ${PROJECT_SOURCE_DIR}/python/rushlight/py.typed)
# A link to a file that is gone would shadow nothing but still confuse an import.
file(GLOB_RECURSE LINKED RELATIVE ${PACKAGE} ${PACKAGE}/*.py ${PACKAGE}/*.pyi)
foreach(file IN LISTS LINKED)
  if(NOT file IN_LIST PACKAGE_FILES)
    file(REMOVE ${PACKAGE}/${file})
  endif()
endforeach()
foreach(file IN LISTS PACKAGE_FILES)
  cmake_path(GET file PARENT_PATH folder)
  file(MAKE_DIRECTORY ${PACKAGE}/${folder})
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/python/rushlight/${file} ${PACKAGE}/${file} SYMBOLIC)
endforeach()

file(GLOB EXTENSION_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/python/*.cpp)
if(EXTENSION_SOURCES)
  nanobind_add_module(_C NB_STATIC NB_SUPPRESS_WARNINGS NOMINSIZE ${EXTENSION_SOURCES})
  target_link_libraries(_C PRIVATE rushlight_objects)
  target_compile_definitions(_C PRIVATE RUSHLIGHT_VERSION="${PROJECT_VERSION}")
  target_link_options(_C PRIVATE -Wl,--gc-sections -Wl,--exclude-libs,ALL)
  set_target_properties(_C PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PACKAGE})
  if(SKBUILD)
    install(TARGETS _C LIBRARY DESTINATION rushlight COMPONENT python)
  endif()
endif()
