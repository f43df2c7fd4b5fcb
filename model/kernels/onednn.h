#pragma once

// The one door to oneDNN. dnnl_sgemm and the version query are the same in oneDNN 2.6 (Debian 12)
// and 3.x (Debian 13); what ever differs between them belongs here.
#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_debug.h>
