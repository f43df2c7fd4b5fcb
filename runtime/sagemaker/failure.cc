#include "runtime/sagemaker/failure.h"

#include <exception>
#include <system_error>

#include "runtime/system/files.h"
#include "runtime/system/utf8.h"

namespace mlp {

void clear_failure(const std::filesystem::path& file) noexcept {
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
}

bool write_failure(const std::filesystem::path& file, std::string_view text) noexcept {
  try {
    if (std::filesystem::exists(std::filesystem::symlink_status(file))) return false;
    make_directories(file.parent_path());
    write_file(file, utf8_prefix(text, kFailureCharacters));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace mlp
