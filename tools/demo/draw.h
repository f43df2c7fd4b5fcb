#pragma once

#include <cstddef>
#include <filesystem>

namespace mlp::demo {

// Draws pictures of the digits 0 to 9 and writes them as an .npz of the shape and names of MNIST's:
// x_train and x_test, uint8 [rows, 28, 28], white on black, and their labels y_train and y_test,
// uint8 [rows].
//
// Each picture is a digit's pen strokes with shaken control points, turned, slanted, stretched and
// moved, drawn with a pen of some width, uneven ink and specks. The same counts give the same
// bytes: the only arithmetic in use is what IEEE 754 fixes to the last bit, and the random numbers
// start from a fixed seed.
void draw_digits(const std::filesystem::path& file, std::size_t train_rows, std::size_t test_rows);

}  // namespace mlp::demo
