// SPDX-License-Identifier: Apache-2.0
/**
 * Two versions of the library in one JVM, measured in turns: what the machine does meanwhile meets both.
 *
 * <p>{@link dev.samara.bench.ab.AbReport} is the program. A {@link dev.samara.bench.ab.VersionLoader} loads the library
 * of one jar and the benchmarks of the newer one; a {@link dev.samara.bench.ab.PreparedRow} is a benchmark with its
 * states.
 */
@NullMarked
package dev.samara.bench.ab;

import org.jspecify.annotations.NullMarked;
