# Lets cargo compile the static library, and puts into OUT what depends on it: the library, the list of the system's libraries
# that it needs as the compiler prints it, and the two files that tell others of them.

execute_process(
    COMMAND ${CARGO} rustc --locked --manifest-path ${CMAKE_CURRENT_LIST_DIR}/../Cargo.toml --target-dir ${TARGET_DIR}
        --profile ${PROFILE} --no-default-features --features "${FEATURES}" --lib --crate-type staticlib
        --color never --message-format json-render-diagnostics -- --print native-static-libs
    OUTPUT_VARIABLE artifacts ERROR_VARIABLE messages ECHO_ERROR_VARIABLE RESULT_VARIABLE failed)
if(failed)
    message(FATAL_ERROR "cargo did not compile the library")
endif()
if(NOT artifacts MATCHES "\"([^\"]*/libdoorward_ffi\\.a)\"")
    message(FATAL_ERROR "cargo does not say where the library is")
endif()
set(compiled ${CMAKE_MATCH_1})
if(NOT messages MATCHES "native-static-libs: ([^\n]*)")
    message(FATAL_ERROR "the compiler does not say which of the system's libraries are needed")
endif()
set(system_libraries ${CMAKE_MATCH_1})
string(REPLACE " " ";" system_libraries_list "${system_libraries}")

# Only what differs is written, so that nothing is linked again without need.
if(STRIP)
    execute_process(COMMAND ${STRIP} --strip-debug -o ${OUT}/stripped.a ${compiled} COMMAND_ERROR_IS_FATAL ANY)
    set(compiled ${OUT}/stripped.a)
endif()
file(COPY_FILE ${compiled} ${OUT}/libdoorward.a ONLY_IF_DIFFERENT)
file(REMOVE ${OUT}/stripped.a)
file(CONFIGURE OUTPUT ${OUT}/system-libraries CONTENT "${system_libraries}\n")
foreach(name doorward.pc doorwardConfig.cmake)
    configure_file(${OUT}/${name}.in ${OUT}/${name} @ONLY)
endforeach()
