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
  if(IS_SYMLINK ${PACKAGE}/${file} AND NOT file IN_LIST PACKAGE_FILES)
    file(REMOVE ${PACKAGE}/${file})
  endif()
endforeach()
foreach(file IN LISTS PACKAGE_FILES)
  cmake_path(GET file PARENT_PATH folder)
  file(MAKE_DIRECTORY ${PACKAGE}/${folder})
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/python/rushlight/${file} ${PACKAGE}/${file} SYMBOLIC)
endforeach()

# The type stubs of what Python cannot read: operations and layers, from their tables.
set(STUBGEN ${PROJECT_SOURCE_DIR}/tools/stubgen.py)
set(STUB_SOURCES ${OP_SOURCES} ${LAYER_SOURCES})
execute_process(COMMAND ${Python_EXECUTABLE} ${STUBGEN} --list ${STUB_SOURCES}
                OUTPUT_VARIABLE STUBS COMMAND_ERROR_IS_FATAL ANY)
list(TRANSFORM STUBS PREPEND ${PACKAGE}/)
set(STUB_FRAMES ${PACKAGE_FILES})
list(FILTER STUB_FRAMES INCLUDE REGEX "^(__init__|nn/.*)\\.py$")
list(TRANSFORM STUB_FRAMES PREPEND ${PROJECT_SOURCE_DIR}/python/rushlight/)
add_custom_command(
  OUTPUT ${STUBS}
  COMMAND ${Python_EXECUTABLE} ${STUBGEN} --output ${PACKAGE} ${STUB_SOURCES}
  DEPENDS ${STUBGEN} ${OPGEN} ${LAYERGEN} ${STUB_SOURCES} ${STUB_FRAMES}
          ${PROJECT_SOURCE_DIR}/python/stubs/_C.pyi
  COMMENT "Deriving the type stubs"
  VERBATIM)
add_custom_target(rushlight_stubs ALL DEPENDS ${STUBS})

file(GLOB EXTENSION_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/python/*.cpp)
if(EXTENSION_SOURCES)
  nanobind_add_module(_C NB_STATIC NB_SUPPRESS_WARNINGS NOMINSIZE ${EXTENSION_SOURCES})
  target_link_libraries(_C PRIVATE rushlight_objects)
  target_compile_definitions(_C PRIVATE RUSHLIGHT_VERSION="${PROJECT_VERSION}")
  target_link_options(_C PRIVATE -Wl,--gc-sections -Wl,--exclude-libs,ALL)
  set_target_properties(_C PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PACKAGE})
  add_dependencies(_C rushlight_stubs)
  if(SKBUILD)
    install(TARGETS _C LIBRARY DESTINATION rushlight COMPONENT python)
    install(DIRECTORY ${PACKAGE}/ DESTINATION rushlight COMPONENT python FILES_MATCHING PATTERN "*.pyi")
  endif()
endif()
