// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.util.concurrent.Executor;

/**
 * The objects that all opens of a machine's files share.
 *
 * @param inodes the files
 * @param ends saves and closes files without opens
 * @param limit limits the files' pages in memory
 * @param policy the settings for all files
 * @param tasks runs tasks that may block
 */
record HostOpens(InodeTable inodes, LastClose ends, CacheLimit limit, FilePolicy policy, Executor tasks) {}
