// SPDX-License-Identifier: Apache-2.0
/**
 * Small programs as an introduction, each about one idea, to be read from top to bottom.
 *
 * <p>An address space is a list of mappings that calls cut and join: {@link dev.samara.examples.FivePageMprotect}
 * protects one page in the middle. Such a list can also be read from a running process, and searched for an address:
 * {@link dev.samara.examples.MapsOfThisProcess}. A list can be kept as an immutable snapshot, or as a fork that changes
 * independently: {@link dev.samara.examples.ForkSnapshot}.
 *
 * <p>Many threads do this at once. {@link dev.samara.examples.MunmapInFlight} shows the range of an unfinished
 * unmapping from another thread, and {@link dev.samara.examples.MapFixed} shows which calls wait for which.
 *
 * <p>{@link dev.samara.examples.FaultOutcomes} and {@link dev.samara.examples.CodeCache} read and write memory through
 * CPUs. {@link dev.samara.examples.translator.GeneratedCode} generates classes for code of a guest, which do so without
 * a call.
 * {@link dev.samara.examples.KeyValueStore} is not a program, but a store in a file that is larger than its memory,
 * with checkpoints that survive crashes.
 *
 * <p>They need only the library: {@code java -cp examples.jar dev.samara.examples.FivePageMprotect}.
 */
@NullMarked
package dev.samara.examples;

import org.jspecify.annotations.NullMarked;
