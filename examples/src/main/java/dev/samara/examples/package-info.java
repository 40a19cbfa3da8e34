// SPDX-License-Identifier: Apache-2.0
/**
 * Small programs to begin with, each about one idea, to be read from top to bottom.
 *
 * <p>An address space is a list of mappings that calls cut and join: {@link dev.samara.examples.FivePageMprotect} takes
 * one away from the middle. Such a list can also be read from a process that runs, and asked for an address: {@link
 * dev.samara.examples.MapsOfThisProcess}. And it can be kept, as a snapshot that is only looked at or as a fork that
 * goes its own way: {@link dev.samara.examples.ForkSnapshot}.
 *
 * <p>Many threads do this at once. What a thread sees of a range that another one is just unmapping is in {@link
 * dev.samara.examples.Munmap}, and who has to wait for whom in {@link dev.samara.examples.MapFixed}.
 *
 * <p>They need nothing but the library: {@code java -cp samara.jar dev.samara.examples.FivePageMprotect}. The packages
 * below this one are the command line tool.
 */
@NullMarked
package dev.samara.examples;

import org.jspecify.annotations.NullMarked;
