#include "entrypoint/columns_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "model/error.h"
#include "runtime/system/files.h"

namespace mlp {

using Json = nlohmann::ordered_json;

void write_columns_file(const std::filesystem::path& model_dir,
                        const std::vector<std::string>& columns) {
  const std::filesystem::path path = model_dir / kColumnsFile;
  if (columns.empty()) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return;
  }
  write_file(path, Json({{"columns", columns}}).dump(2) + "\n");
}

std::vector<std::string> read_columns_file(const std::filesystem::path& model_dir) {
  const std::filesystem::path path = model_dir / kColumnsFile;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return {};
  try {
    return Json::parse(read_file(path)).at("columns").get<std::vector<std::string>>();
  } catch (const Json::exception&) {
    throw UserError(
        fmt::format("{} is damaged: expected an object with the names of the training file's "
                    "columns. Take it from where model.h5 is from, or remove it: then rows to "
                    "predict need a header.",
                    shortened_path(path.string())));
  }
}

}  // namespace mlp
