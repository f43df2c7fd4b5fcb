#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/preprocessor.h"

namespace mlp {

// What stands beside model.h5 where the training table has a header: the names of all columns of
// its file, in their order, which is that of rows without header. model.h5 does not depend on it.
inline constexpr const char* kColumnsFile = "columns.json";

// Replaces the file in `model_dir`, or removes it where there are no columns.
void write_columns_file(const std::filesystem::path& model_dir,
                        const std::vector<std::string>& columns);

// Empty where there is no such file, and for a model whose columns have no names. Throws UserError
// where the file is damaged, or about other columns than the model's.
std::vector<std::string> read_columns_file(const std::filesystem::path& model_dir,
                                           const Preprocessor& preprocessor);

}  // namespace mlp
