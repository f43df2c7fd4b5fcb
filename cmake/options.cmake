# mlp_options: what every target of this project is compiled with.
add_library(mlp_options INTERFACE)
target_compile_features(mlp_options INTERFACE cxx_std_20)
target_include_directories(mlp_options INTERFACE "${PROJECT_SOURCE_DIR}")
# x86-64-v2 is what every SageMaker instance has; wider code is chosen at run time (model/kernels/vector.h).
# Contraction to FMA is left to explicit code, so that every build gives the same bits.
target_compile_options(
  mlp_options
  INTERFACE -march=x86-64-v2
            -ffp-contract=off
            -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wconversion
            -Wsign-conversion
            $<$<BOOL:${MLP_WARNINGS_AS_ERRORS}>:-Werror>)
target_compile_definitions(mlp_options INTERFACE MLP_VERSION="${PROJECT_VERSION}")
if(MLP_SANITIZE)
  target_compile_options(mlp_options INTERFACE -fsanitize=${MLP_SANITIZE} -fno-omit-frame-pointer
                                               -fno-sanitize-recover=all)
  target_link_options(mlp_options INTERFACE -fsanitize=${MLP_SANITIZE})
endif()
