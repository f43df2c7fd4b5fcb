#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mlp::test {

// Pictures of ten patterns with some noise, [rows, 28, 28] bytes, and which pattern each shows.
struct Pictures {
  std::size_t rows = 0;
  std::string pixels;
  std::vector<std::uint8_t> labels;
};

// The patterns are always the same; `seed` decides on their order and on the noise.
Pictures make_pictures(std::size_t rows, std::uint32_t seed);

// The first rows of some pictures.
Pictures first_rows(const Pictures& pictures, std::size_t rows);

std::string pictures_npy(const Pictures& pictures);

// x_train, y_train, x_test and y_test, as in Keras's mnist.npz.
std::string mnist_npz(const Pictures& training, const Pictures& test);

// mnist_npz() of 2,000 rows to train on and 500 to test with.
const std::string& small_mnist_npz();

// x and y.
std::string pair_npz(const Pictures& pictures);

// Rows "label,f1,f2,f3,f4" of clouds of points, one a class, well apart. Class 0 is called
// names[0].
std::string clouds_csv(std::size_t rows, const std::vector<std::string>& names, std::uint32_t seed);

// Rows "target,f1,f2,f3": the target is a linear function of the features, of a size around 50,000,
// and the features differ in size by orders of magnitude.
std::string prices_csv(std::size_t rows, std::uint32_t seed);

// The lines of a text without their ends.
std::vector<std::string> lines_of(const std::string& text);

// A CSV text without the first column.
std::string without_first_column(const std::string& csv);

}  // namespace mlp::test
