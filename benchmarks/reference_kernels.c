/* Plain loops over bonds and pairs, what one would write in C: the yardstick of the compiled kernels.
   Compiled by c_kernels.py with -O3 -march=native -ffast-math; d is a constant of each copy (-DD=3). */
#include <math.h>
#include <stdint.h>
#include <string.h>

void forces(int64_t n, const double *x, const uint32_t *start, const uint32_t *partner, const double *w,
            double L, const double *c, double *f) {
    memset(f, 0, sizeof(double) * n * D);
    for (int64_t i = 0; i < n; i++) {
        for (uint32_t k = start[i]; k < start[i + 1]; k++) {
            int64_t j = partner[k];
            double dx[D], s = 0;
            for (int a = 0; a < D; a++) {
                dx[a] = x[i * D + a] - x[j * D + a];
                dx[a] -= L * rint(dx[a] / L);
                s += dx[a] * dx[a];
            }
            double y = s * w[k];
            if (y < c[0]) {
                double u = 1 / y, u3 = u * u * u;
                double g = -2 * w[k] * (-5 * u3 * u3 + c[2] + y * (2 * c[3] + y * 3 * c[4]));
                for (int a = 0; a < D; a++) { f[i * D + a] += g * dx[a]; f[j * D + a] -= g * dx[a]; }
            }
        }
    }
}

#define BOND                                                                                     \
    const double *zi = z + (int64_t)D * first[k], *zj = z + (int64_t)D * second[k], *x = v + D * k; \
    double b = 0, q = 0;                                                                         \
    for (int a = 0; a < D; a++) { double t = zi[a] - zj[a]; b += x[a] * t; q += t * t; }         \
    double u = 2 * b, w = 2 * q; (void)w;

#define SCATTER(P, Q)                                                                            \
    double *oi = out + (int64_t)D * first[k], *oj = out + (int64_t)D * second[k];                \
    for (int a = 0; a < D; a++) { double t = (P) * x[a] + (Q) * (zi[a] - zj[a]); oi[a] += t; oj[a] -= t; }

void hessian_product(int64_t n, int64_t bonds, const uint32_t *first, const uint32_t *second, const double *v,
                     const double *g1, const double *g2, const double *z, double *out) {
    memset(out, 0, sizeof(double) * n * D);
    for (int64_t k = 0; k < bonds; k++) { BOND SCATTER(2 * g2[k] * u, 2 * g1[k]) }
}

double cubic(int64_t n, int64_t bonds, const uint32_t *first, const uint32_t *second, const double *v,
             const double *g1, const double *g2, const double *g3, const double *z, double *out) {
    double m = 0, t3 = 0;
    for (int64_t k = 0; k < bonds; k++) {
        BOND m += g2[k] * u * u + g1[k] * w; t3 += u * (g3[k] * u * u + 3 * g2[k] * w);
    }
    double a2 = 6 / m, a3 = -6 / t3;
    memset(out, 0, sizeof(double) * n * D);
    for (int64_t k = 0; k < bonds; k++) {
        BOND SCATTER(2 * a2 * g2[k] * u + 2 * a3 * (g3[k] * u * u + g2[k] * w), 2 * a2 * g1[k] + 4 * a3 * g2[k] * u)
    }
    return m * m * m / (t3 * t3);
}

double quartic(int64_t n, int64_t bonds, const uint32_t *first, const uint32_t *second, const double *v,
               const double *g1, const double *g2, const double *g3, const double *g4, const double *z, double *out) {
    double m = 0, t4 = 0;
    for (int64_t k = 0; k < bonds; k++) {
        BOND double u2 = u * u;
        m += g2[k] * u2 + g1[k] * w; t4 += g4[k] * u2 * u2 + 6 * g3[k] * u2 * w + 3 * g2[k] * w * w;
    }
    double a2 = 4 / m, a4 = -4 / t4;
    memset(out, 0, sizeof(double) * n * D);
    for (int64_t k = 0; k < bonds; k++) {
        BOND double u2 = u * u;
        SCATTER(2 * u * (a2 * g2[k] + a4 * (g4[k] * u2 + 3 * g3[k] * w)), 2 * a2 * g1[k] + 6 * a4 * (g3[k] * u2 + g2[k] * w))
    }
    return m * m / t4;
}
