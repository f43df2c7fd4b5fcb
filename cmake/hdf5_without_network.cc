// Debian's static HDF5 holds a driver for files in S3 ("ros3") that asks for curl and OpenSSL, of
// which this program wants nothing. Here are the functions that it names. The first that the driver
// calls reports a failure, which HDF5 passes on as an error; the others are never reached.

#include <cstdlib>

#define MLP_NEVER_REACHED(name) \
  void name() { std::abort(); }

extern "C" {

int curl_global_init(long /*flags*/) { return 2; }  // CURLE_FAILED_INIT

MLP_NEVER_REACHED(curl_global_cleanup)
MLP_NEVER_REACHED(curl_easy_init)
MLP_NEVER_REACHED(curl_easy_setopt)
MLP_NEVER_REACHED(curl_easy_perform)
MLP_NEVER_REACHED(curl_easy_cleanup)
MLP_NEVER_REACHED(curl_slist_append)
MLP_NEVER_REACHED(curl_slist_free_all)
MLP_NEVER_REACHED(EVP_sha256)
MLP_NEVER_REACHED(HMAC)
MLP_NEVER_REACHED(SHA256)
}
