// SPDX-License-Identifier: Apache-2.0
/**
 * Small programs as an introduction. Each program shows one idea, and can be read from top to bottom.
 *
 * <p>An address space is a list of mappings, which calls split and join: {@link dev.samara.examples.FivePageMprotect}
 * protects one page in the middle of a mapping. {@link dev.samara.examples.MapsOfThisProcess} reads such a list from a
 * running process, and looks up an address in it. {@link dev.samara.examples.ForkSnapshot} keeps a list as an immutable
 * snapshot, and as a fork that changes independently.
 *
 * <p>Many threads can use a space concurrently. {@link dev.samara.examples.MunmapInFlight} shows what another thread
 * finds in a range while its unmapping is in flight, and {@link dev.samara.examples.MapFixed} shows which calls wait
 * for each other.
 *
 * <p>{@link dev.samara.examples.FaultOutcomes} and {@link dev.samara.examples.CodeCache} read and write memory through
 * CPUs. {@link dev.samara.examples.translator.GeneratedCode} translates code of a guest to classes that access memory
 * without a method call. {@link dev.samara.examples.KeyValueStore} is not a program, but a store in a file that may be
 * larger than the memory, with checkpoints that survive crashes, and {@link dev.samara.examples.lucene.LuceneDirectory}
 * keeps an index of Lucene in such files.
 *
 * <p>To run a program: {@code java -cp examples.jar dev.samara.examples.FivePageMprotect}. It needs only the library.
 */
@NullMarked
package dev.samara.examples;

import org.jspecify.annotations.NullMarked;
