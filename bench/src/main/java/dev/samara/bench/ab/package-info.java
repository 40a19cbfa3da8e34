// SPDX-License-Identifier: Apache-2.0
/**
 * Measures two versions of the library in one JVM, in turns, so that other load of the machine affects both equally.
 *
 * <p>{@link dev.samara.bench.ab.AbReport} is the program. A {@link dev.samara.bench.ab.VersionLoader} loads the library
 * from one jar and the benchmarks from the newer one; a {@link dev.samara.bench.ab.PreparedRow} is a benchmark with its
 * states.
 */
@NullMarked
package dev.samara.bench.ab;

import org.jspecify.annotations.NullMarked;
