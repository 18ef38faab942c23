# bench/bench_call.cpp is a program of its own; all other files of bench are one Google Benchmark program.

set(BENCH_CALL ${PROJECT_SOURCE_DIR}/bench/bench_call.cpp)
add_executable(rushlight_bench_call ${BENCH_CALL})
target_link_libraries(rushlight_bench_call PRIVATE rushlight_objects)

file(GLOB BENCH_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.cpp)
list(REMOVE_ITEM BENCH_SOURCES ${BENCH_CALL})
add_executable(rushlight_bench ${BENCH_SOURCES})
target_link_libraries(rushlight_bench PRIVATE rushlight_objects
                      benchmark::benchmark benchmark::benchmark_main)
