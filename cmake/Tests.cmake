# Every file of tests/cpp in one GoogleTest program.

enable_testing()
file(GLOB TEST_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cpp/*.cpp)
if(TEST_SOURCES)
  add_executable(rushlight_tests ${TEST_SOURCES})
  target_link_libraries(rushlight_tests PRIVATE rushlight_objects GTest::gtest GTest::gtest_main)
  target_include_directories(rushlight_tests PRIVATE ${PROJECT_SOURCE_DIR}/tests/cpp)
  add_test(NAME rushlight_tests COMMAND rushlight_tests)
endif()
