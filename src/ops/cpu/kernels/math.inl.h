// exp, tanh and activations over sixteen lanes, good to about 1e-6 relative. Every lane runs the same operations, so a value's
// result does not depend on its place in a row; tails are padded lanes of the same code.

using F = Simd::F;
using I = Simd::I;

// exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; r in two parts because n * ln 2 must not round (Cody and
// Waite), exp(r) by its Taylor polynomial of degree 7 (remainder below 6e-9). Below -87.3 the result
// would be subnormal: 0. Above 88.3 it stays 2.2e38. What is no number stays none: min and max return their second argument then.
HEARTH_ALWAYS_INLINE F exp(F x) {
  const F least = Simd::set1(-87.3f), bounded = Simd::min(Simd::set1(88.3f), Simd::max(least, x));
  const F n = Simd::round(Simd::mul(bounded, Simd::set1(1.44269504f)));
  F r = Simd::fnma(n, Simd::set1(0.693359375f), bounded);
  r = Simd::fnma(n, Simd::set1(-2.12194440e-4f), r);
  F p = Simd::set1(1.0f / 5040);
  p = Simd::fma(p, r, Simd::set1(1.0f / 720));
  p = Simd::fma(p, r, Simd::set1(1.0f / 120));
  p = Simd::fma(p, r, Simd::set1(1.0f / 24));
  p = Simd::fma(p, r, Simd::set1(1.0f / 6));
  p = Simd::fma(p, r, Simd::set1(0.5f));
  p = Simd::fma(p, Simd::mul(r, r), Simd::add(r, Simd::set1(1)));
  return Simd::if_less(x, least, Simd::zero(), Simd::times_power(p, Simd::to_int(n)));
}

// tanh by its continued fraction near 0, where 1 - 2 / (exp(2x) + 1) would cancel.
HEARTH_ALWAYS_INLINE F tanh(F x) {
  const F magnitude = Simd::abs(x), one = Simd::set1(1), square = Simd::mul(x, x);
  // x (135135 + 17325 s + 378 s^2 + s^3) / (135135 + 62370 s + 3150 s^2 + 28 s^3), s = x^2: below 1e-8 for |x| < 0.7
  F over = Simd::fma(square, Simd::add(square, Simd::set1(378)), Simd::set1(17325));
  over = Simd::mul(x, Simd::fma(square, over, Simd::set1(135135)));
  F under = Simd::fma(square, Simd::fma(square, Simd::set1(28), Simd::set1(3150)), Simd::set1(62370));
  under = Simd::fma(square, under, Simd::set1(135135));
  const F far = Simd::sub(one, Simd::div(Simd::set1(2), Simd::add(exp(Simd::add(magnitude, magnitude)), one)));
  return Simd::if_less(magnitude, Simd::set1(0.7f), Simd::div(over, under), Simd::with_sign_of(far, x));
}

HEARTH_ALWAYS_INLINE F capped(F x, F cap) { return Simd::mul(cap, tanh(Simd::div(x, cap))); }

HEARTH_ALWAYS_INLINE F sigmoid_times(F x, F logit) {  // x / (1 + exp(-logit))
  return Simd::div(x, Simd::add(Simd::set1(1), exp(Simd::sub(Simd::zero(), logit))));
}

// erfc(z) for z >= 0 as t * exp(-z^2 + P(t)), t = 1 / (1 + z / 2), fractional error below 1.2e-7 (Numerical Recipes, 6.2).
HEARTH_ALWAYS_INLINE F erfc_positive(F z) {
  const F t = Simd::div(Simd::set1(1), Simd::fma(z, Simd::set1(0.5f), Simd::set1(1)));
  F p = Simd::set1(0.17087277f);
  p = Simd::fma(p, t, Simd::set1(-0.82215223f));
  p = Simd::fma(p, t, Simd::set1(1.48851587f));
  p = Simd::fma(p, t, Simd::set1(-1.13520398f));
  p = Simd::fma(p, t, Simd::set1(0.27886807f));
  p = Simd::fma(p, t, Simd::set1(-0.18628806f));
  p = Simd::fma(p, t, Simd::set1(0.09678418f));
  p = Simd::fma(p, t, Simd::set1(0.37409196f));
  p = Simd::fma(p, t, Simd::set1(1.00002368f));
  p = Simd::fma(p, t, Simd::set1(-1.26551223f));
  return Simd::mul(t, exp(Simd::fnma(z, z, p)));
}

template <Activation kKind>
HEARTH_ALWAYS_INLINE F activation(F x) {
  if constexpr (kKind == Activation::kSilu) {
    return sigmoid_times(x, x);
  } else if constexpr (kKind == Activation::kGeluTanh) {  // x / 2 * (1 + tanh(u)) = x / (1 + exp(-2 u))
    const F cube = Simd::mul(Simd::mul(x, x), x);
    return sigmoid_times(x, Simd::mul(Simd::set1(1.59576912f), Simd::fma(cube, Simd::set1(0.044715f), x)));
  } else if constexpr (kKind == Activation::kGelu) {  // x / 2 * erfc(-x / sqrt 2)
    const F half = Simd::mul(x, Simd::set1(0.5f)), tail = erfc_positive(Simd::mul(Simd::abs(x), Simd::set1(0.70710678f)));
    return Simd::mul(half, Simd::if_less(x, Simd::zero(), tail, Simd::sub(Simd::set1(2), tail)));
  } else {  // max returns its second argument where one is no number
    const F positive = Simd::max(Simd::zero(), x);
    return kKind == Activation::kRelu ? positive : Simd::mul(positive, positive);
  }
}
