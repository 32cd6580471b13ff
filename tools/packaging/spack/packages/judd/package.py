# spack repo add tools/packaging/spack
# spack dev-build judd@0.1.0        in the checkout: the sources are those that lie there
from spack.package import *


class Judd(CMakePackage):
    """Distributed transfer experiments: small heads on features of pretrained networks or word vectors,
    trained by many MPI ranks, and verdicts on whether the transfer helped."""

    license("MIT")

    version("0.1.0")

    variant("shared", default=False, description="Build libjudd as a shared library")

    depends_on("c", type="build")
    depends_on("cmake@3.20:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi")
    depends_on("hdf5@1.10: +mpi")
    depends_on("openblas")
    depends_on("scalapack")
    depends_on("onednn@2.6:2")
    depends_on("onnx", type="build")  # onnx.proto
    depends_on("protobuf-c")
    depends_on("libconfig")
    depends_on("jansson")
    depends_on("zlib-api")
    depends_on("jpeg")
    depends_on("libpng")
    depends_on("xxhash")
    depends_on("utf8proc")
    depends_on("openssl")
    depends_on("liburing", when="platform=linux")
    depends_on("gnuplot", type="run")
    depends_on("cmocka", type="test")

    def cmake_args(self):
        return [
            self.define("JUDD_TESTS", self.run_tests),
            self.define_from_variant("BUILD_SHARED_LIBS", "shared"),
            self.define("SCALAPACK_LIBRARY", self.spec["scalapack"].libs[0]),
            self.define("ONNX_PROTO_DIR", self.spec["onnx"].prefix.include),
        ]
