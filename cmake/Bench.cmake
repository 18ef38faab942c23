# Every file of bench in one Google Benchmark program.

file(GLOB BENCH_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.cpp)
if(BENCH_SOURCES)
  add_executable(rushlight_bench ${BENCH_SOURCES})
  target_link_libraries(rushlight_bench PRIVATE rushlight_objects
                        benchmark::benchmark benchmark::benchmark_main)
endif()
