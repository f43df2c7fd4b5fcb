# Keeps the layers of the source tree apart: fails, with file and line, where an #include points to a folder
# that the including one must not know, or to a library outside of its one home.
#
#   cmake [-DROOT=<source tree>] -P cmake/check_layers.cmake
cmake_minimum_required(VERSION 3.25)
if(NOT DEFINED ROOT)
  cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH ROOT)
endif()

# A folder, and what it may include of this project, both as regular expressions on paths from the root. The first
# folder that matches a file counts.
set(layers
    "model/kernels/" "model/(kernels/|matrix\\.h$)"
    "model/" "model/"
    "runtime/system/" "(runtime/system/|model/error\\.h$)"
    "runtime/sagemaker/" "(runtime/(sagemaker|system)/|model/error\\.h$)"
    "runtime/data/" "(model/|runtime/(data|system)/)"
    "runtime/training/" "(model/|runtime/(training|data|system)/)"
    "runtime/serving/" "(model/|runtime/(serving|data|system)/)"
    "entrypoint/" "(model/|runtime/|entrypoint/)")

# A library's headers, and the files that may include them.
set(homes
    "(oneapi/)?dnnl[._/a-z]*" "model/kernels/"
    "(hdf5/serial/)?(hdf5|H5)[A-Za-z_0-9]*\\.h" "model/hdf5_file\\.cc$"
    "cxxopts" "entrypoint/"
    "((minizip/)?(unzip|zip|ioapi)|libdeflate)\\.h" "runtime/data/zip_archive\\.(h|cc)$"
    "(zlib|zstd[a-z_]*)\\.h" "runtime/data/compression\\.cc$"
    "boost/" "runtime/serving/server\\.cc$"
    "spdlog/" "(runtime|entrypoint)/")

set(violations "")
function(report file line message)
  set(violations "${violations}${file}:${line}: ${message}\n" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE files RELATIVE "${ROOT}" "${ROOT}/model/*" "${ROOT}/runtime/*" "${ROOT}/entrypoint/*")
list(FILTER files INCLUDE REGEX "\\.(h|cc|inl)$")
if(NOT files)
  message(FATAL_ERROR "There are no sources in ${ROOT}.")
endif()
list(SORT files)
foreach(file IN LISTS files)
  set(may_include "")
  set(remaining ${layers})
  while(remaining)
    list(POP_FRONT remaining folder allowed)
    if(file MATCHES "^${folder}")
      set(may_include "${allowed}")
      break()
    endif()
  endwhile()
  if(NOT may_include)
    report("${file}" 1 "this folder has no entry in cmake/check_layers.cmake")
    continue()
  endif()

  # Characters that mean something in a CMake list are of no interest here.
  file(READ "${ROOT}/${file}" text)
  string(REGEX REPLACE "[][;\\\\]" " " text "${text}")
  string(REPLACE "\n" ";" lines "${text}")
  set(number 0)
  foreach(line IN LISTS lines)
    math(EXPR number "${number} + 1")
    if(NOT line MATCHES "^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"]+)[>\"]")
      continue()
    endif()
    set(quote "${CMAKE_MATCH_1}")
    set(included "${CMAKE_MATCH_2}")
    if(included MATCHES "^(model|runtime|entrypoint|test|tools|bench)/")
      if(NOT included MATCHES "^${may_include}")
        report("${file}" ${number} "must not include ${included}")
      endif()
    elseif(quote STREQUAL "\"")
      report("${file}" ${number} "must include ${included} by its path from the root of the tree")
    endif()
    set(remaining ${homes})
    while(remaining)
      list(POP_FRONT remaining headers home)
      if(included MATCHES "^${headers}" AND NOT file MATCHES "^${home}")
        report("${file}" ${number} "must not include ${included}, a library that has its home elsewhere")
      endif()
    endwhile()
  endforeach()
endforeach()

if(violations)
  message(NOTICE "${violations}")
  message(FATAL_ERROR "Includes go against the layers of the source tree, at the lines above.")
endif()
