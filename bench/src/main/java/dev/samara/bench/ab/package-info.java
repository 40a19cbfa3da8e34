// SPDX-License-Identifier: Apache-2.0
/**
 * Measures two versions of the library alternately in one JVM, so that other load on the machine affects both equally.
 *
 * <p>{@link dev.samara.bench.ab.AbReport} is the program. A {@link dev.samara.bench.ab.VersionLoader} loads the library
 * from one jar and the benchmarks from the newer one; a {@link dev.samara.bench.ab.PreparedRow} is a benchmark with its
 * states.
 */
@NullMarked
package dev.samara.bench.ab;

import org.jspecify.annotations.NullMarked;
