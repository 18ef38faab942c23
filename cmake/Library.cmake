# The library: one set of objects, linked whole into the extension and the tests, archived for users.

find_package(Python 3.10 REQUIRED COMPONENTS Interpreter OPTIONAL_COMPONENTS Development.Module)

set(GENERATED ${PROJECT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${GENERATED}/rushlight)

# The declarations of the ops are derived from their schemas; opgen writes a file only if it changed.
file(GLOB OP_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/ops/*.cpp)
set(OPGEN ${PROJECT_SOURCE_DIR}/tools/opgen.py)
set(DERIVED ${GENERATED}/rushlight/ops.h ${GENERATED}/rushlight/ops_methods.inc
    ${GENERATED}/rushlight/op_names.h ${GENERATED}/rushlight/ops.cpp)
add_custom_command(
  OUTPUT ${DERIVED}
  COMMAND ${Python_EXECUTABLE} ${OPGEN} --output ${GENERATED}/rushlight ${OP_SOURCES}
  DEPENDS ${OPGEN} ${OP_SOURCES}
  COMMENT "Deriving the declarations of the ops"
  VERBATIM)

# The layers' classes, from the layer table.
file(GLOB LAYER_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/nn/*.cpp)
set(LAYERGEN ${PROJECT_SOURCE_DIR}/tools/layergen.py)
set(DERIVED_LAYERS ${GENERATED}/rushlight/nn/layers.h ${GENERATED}/rushlight/nn/layer_names.h
    ${GENERATED}/rushlight/nn/layers.cpp)
add_custom_command(
  OUTPUT ${DERIVED_LAYERS}
  COMMAND ${Python_EXECUTABLE} ${LAYERGEN} --output ${GENERATED}/rushlight/nn ${LAYER_SOURCES}
  DEPENDS ${LAYERGEN} ${OPGEN} ${LAYER_SOURCES}
  COMMENT "Deriving the classes of the layers"
  VERBATIM)
add_custom_target(rushlight_ops DEPENDS ${DERIVED} ${DERIVED_LAYERS})

file(GLOB_RECURSE SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.cpp)
list(FILTER SOURCES EXCLUDE REGEX "/src/python/")
list(APPEND SOURCES ${GENERATED}/rushlight/ops.cpp ${GENERATED}/rushlight/nn/layers.cpp)

add_library(rushlight_objects OBJECT ${SOURCES})
add_dependencies(rushlight_objects rushlight_ops)
target_compile_definitions(rushlight_objects PRIVATE RUSHLIGHT_VERSION="${PROJECT_VERSION}")
target_include_directories(rushlight_objects
  PUBLIC ${PROJECT_SOURCE_DIR}/include ${GENERATED} ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(rushlight_objects
  PUBLIC rushlight_highway rushlight_settings Threads::Threads PRIVATE rushlight_eigen)

# The CPU kernels are short loops that the compiler turns into vectors; none of them looks at the
# floating-point exception flags or at errno, so these options change no result.
file(GLOB VECTORISED ${PROJECT_SOURCE_DIR}/src/cpu/pointwise_*.cpp
     ${PROJECT_SOURCE_DIR}/src/cpu/reduce*.cpp ${PROJECT_SOURCE_DIR}/src/cpu/scan.cpp
     ${PROJECT_SOURCE_DIR}/src/cpu/softmax.cpp ${PROJECT_SOURCE_DIR}/src/cpu/transpose.cpp
     ${PROJECT_SOURCE_DIR}/src/cpu/convert.cpp ${PROJECT_SOURCE_DIR}/src/cpu/index.cpp
     ${PROJECT_SOURCE_DIR}/src/cpu/tile.cpp)
set_source_files_properties(${VECTORISED} PROPERTIES COMPILE_OPTIONS
  "-O3;-fopenmp-simd;-fno-math-errno;-fno-trapping-math")

# What a C++ user links: `rushlight::rushlight`, in this tree and installed alike.
add_library(rushlight STATIC $<TARGET_OBJECTS:rushlight_objects>)
add_library(rushlight::rushlight ALIAS rushlight)
add_dependencies(rushlight rushlight_ops)
target_compile_features(rushlight PUBLIC cxx_std_20)
target_link_libraries(rushlight PUBLIC Threads::Threads)
target_include_directories(rushlight INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${GENERATED}>
  $<INSTALL_INTERFACE:include>)
