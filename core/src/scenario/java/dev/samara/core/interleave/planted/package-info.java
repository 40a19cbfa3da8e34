// SPDX-License-Identifier: Apache-2.0
/**
 * Scenarios that find mutants of production code, as evidence that they would also find other bugs.
 *
 * <p>{@code Calls} and the classes {@code ...Scenarios} contain the operations; the files of the folder {@code mutants}
 * name them. {@code Remains} checks what the operations leave reachable. The tests check that nothing is found in the
 * unchanged code.
 *
 * <p>{@code TortureSourcesTest} checks that the stress tests, which only a profile runs, compile and run.
 */
@NullMarked
package dev.samara.core.interleave.planted;

import org.jspecify.annotations.NullMarked;
