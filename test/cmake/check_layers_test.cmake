# Runs check_layers.cmake over made-up trees: a good one, which passes, and one with each kind of violation, which
# are all told by file and line.
#
#   cmake -DSCRIPT=<cmake/check_layers.cmake> -DSCRATCH=<a folder of its own> -P check_layers_test.cmake
function(check expectation)
  execute_process(COMMAND "${CMAKE_COMMAND}" "-DROOT=${SCRATCH}" -P "${SCRIPT}" RESULT_VARIABLE result
                  ERROR_VARIABLE output OUTPUT_QUIET)
  if(expectation STREQUAL "passes" AND NOT result EQUAL 0)
    message(SEND_ERROR "A tree in order is refused:\n${output}")
  endif()
  if(expectation STREQUAL "fails" AND result EQUAL 0)
    message(SEND_ERROR "A tree with violations passes.")
  endif()
  foreach(line IN LISTS ARGN)
    string(FIND "${output}" "${line}" position)
    if(position EQUAL -1)
      message(SEND_ERROR "Expected \"${line}\" in:\n${output}")
    endif()
  endforeach()
endfunction()

file(REMOVE_RECURSE "${SCRATCH}")
file(WRITE "${SCRATCH}/model/kernels/dense.cc" "#include <dnnl.hpp>\n#include \"model/matrix.h\"\nint a[1] = {0};\n")
file(WRITE "${SCRATCH}/model/hdf5_file.cc" "#include <hdf5.h>\n#include \"model/kernels/dense.h\"\n")
file(WRITE "${SCRATCH}/runtime/system/files.cc" "#include <string>\n#include \"model/error.h\"\n")
file(WRITE "${SCRATCH}/runtime/data/zip_archive.cc" "#include <libdeflate.h>\n#include <unzip.h>\n")
file(WRITE "${SCRATCH}/runtime/data/compression.cc" "#include <zlib.h>\n#include <zstd.h>\n")
file(WRITE "${SCRATCH}/runtime/training/trainer.cc" "#include <spdlog/spdlog.h>\n#include \"runtime/data/a.h\"\n")
file(WRITE "${SCRATCH}/entrypoint/main.cc" "#include <cxxopts.hpp>\n#include \"runtime/sagemaker/a.h\"\n")
check(passes)

file(WRITE "${SCRATCH}/model/kernels/bad.cc" "\n#include \"model/error.h\"\n")
file(WRITE "${SCRATCH}/model/bad.cc" "#include \"runtime/data/a.h\"\n  #  include <spdlog/spdlog.h>\n#include <oneapi/dnnl/dnnl.h>\n")
file(WRITE "${SCRATCH}/model/bad.h" "int a[] = {1; 2};\n\n#include <hdf5.h>\n#include \"error.h\"\n")
file(WRITE "${SCRATCH}/runtime/sagemaker/bad.h" "#include \"model/matrix.h\"\n")
file(WRITE "${SCRATCH}/runtime/data/bad.cc" "#include <zip.h>\n#include \"runtime/training/trainer.h\"\n#include <zstd.h>\n")
file(WRITE "${SCRATCH}/runtime/training/bad.cc" "#include \"runtime/sagemaker/a.h\"\n#include <cxxopts.hpp>\n")
file(WRITE "${SCRATCH}/runtime/other/bad.cc" "int a;\n")
check(fails
      "model/kernels/bad.cc:2: must not include model/error.h"
      "model/bad.cc:1: must not include runtime/data/a.h"
      "model/bad.cc:2: must not include spdlog/spdlog.h"
      "model/bad.cc:3: must not include oneapi/dnnl/dnnl.h"
      "model/bad.h:3: must not include hdf5.h"
      "model/bad.h:4: must include error.h by its path"
      "runtime/sagemaker/bad.h:1: must not include model/matrix.h"
      "runtime/data/bad.cc:1: must not include zip.h"
      "runtime/data/bad.cc:2: must not include runtime/training/trainer.h"
      "runtime/data/bad.cc:3: must not include zstd.h"
      "runtime/training/bad.cc:1: must not include runtime/sagemaker/a.h"
      "runtime/training/bad.cc:2: must not include cxxopts.hpp"
      "runtime/other/bad.cc:1: this folder has no entry")
file(REMOVE_RECURSE "${SCRATCH}")
