// SPDX-License-Identifier: Apache-2.0
/**
 * The language of files: random scripts of opens, mappings, accesses and changes by another program, which both the
 * library and the running kernel execute. After each step the results, the sizes and the host files are compared; in
 * some scripts, everything that mappings and reads return is compared, too. {@link
 * dev.samara.core.live.file.LiveFilesTest} runs them.
 *
 * <p>{@link dev.samara.core.live.file.HostFaultsTest} runs scripts only with the library, whose files are in arrays
 * ({@code MemoryDisk}). In each run, one host call fails, is short or is interrupted. The results are compared with a
 * model of the acknowledged state ({@code AckModel}); {@code FaultTrial} lists the rules. {@code FaultFinder}
 * searches for mutants in this way.
 */
@NullMarked
package dev.samara.core.live.file;

import org.jspecify.annotations.NullMarked;
