#pragma once

#include <filesystem>
#include <string_view>

namespace mlp {

// How many characters of a failure file become the job's FailureReason.
inline constexpr std::size_t kFailureCharacters = 1024;

// Removes the failure file that an earlier run left in the same folder, as runs on one host may.
void clear_failure(const std::filesystem::path& file) noexcept;

// Writes why the run fails, cut to kFailureCharacters, with the folders on the way; true if it is
// there now. A file that already exists stays: the first cause wins. Never throws, since whoever
// calls has nobody left to tell.
bool write_failure(const std::filesystem::path& file, std::string_view text) noexcept;

}  // namespace mlp
