// SPDX-License-Identifier: Apache-2.0
/**
 * The language of files: random scripts of opens, mappings, accesses and changes by another program, which the library
 * and the running kernel both make. After each step the results, the sizes and the host's files are compared; in some
 * scripts also all that mappings and reads show. {@link dev.samara.core.live.file.LiveFilesTest} runs them.
 *
 * <p>{@link dev.samara.core.live.file.HostFaultsTest} runs scripts of the library alone, whose files are in arrays
 * ({@code MemoryDisk}). In each run one call to the host fails, is short or is interrupted. The judge is a model of
 * what was acknowledged ({@code AckModel}); {@code FaultTrial} has its rules. {@code HostFaultBreaksTest} shows that
 * each rule finds what breaks it.
 */
@NullMarked
package dev.samara.core.live.file;

import org.jspecify.annotations.NullMarked;
