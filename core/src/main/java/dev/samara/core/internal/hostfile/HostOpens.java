// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.util.concurrent.Executor;

/**
 * What the opens of a machine's files use in common.
 *
 * @param inodes the files
 * @param ends saves and closes those without opens
 * @param limit limits their pages in memory
 * @param policy what they have in common otherwise
 * @param tasks runs what may block
 */
record HostOpens(InodeTable inodes, LastClose ends, CacheLimit limit, FilePolicy policy, Executor tasks) {}
