// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds or creates the file of a path, and counts an open of it. Follows the rules of {@link ProcessFiles}: a file that
 * is locked, or will be locked, is not opened a second time.
 */
final class PathEntry {
    /**
     * The file of a path.
     *
     * @param inode the file, of which an open is counted
     * @param identity the device and inode that the path named when it was opened
     */
    record EnteredFile(HostInode inode, HostIdentity identity) {}

    /** Creates files. */
    @FunctionalInterface
    interface InodeMaker {
        /** Creates the file of a channel. Called with the monitor of {@link InodeTable} held. */
        HostInode make(Object key, HostChannel channel, long size);
    }

    private final ChannelOpener opener;
    private final InodeTable inodes;
    private final Path path;
    private final Set<OpenOption> options;
    private final FileRules rules;
    private final boolean writes;

    PathEntry(ChannelOpener opener, InodeTable inodes, Path path, Set<OpenOption> options, FileRules rules) {
        this.opener = opener;
        this.inodes = inodes;
        this.path = path;
        this.options = options;
        this.rules = rules;
        writes = options.contains(StandardOpenOption.WRITE);
    }

    /**
     * Enters the file into the table, or counts an open if it is there. Waits for the host, and also for all opens and
     * closes under way if the file will be locked.
     *
     * @param memory the memory of the spaces that will map it
     * @param maker creates the file if it is not open
     */
    EnteredFile enter(MachineMemory memory, InodeMaker maker) throws IOException {
        return rules.lock() == null
                ? ProcessFiles.open(() -> enterInSection(memory, maker))
                : ProcessFiles.openLocked(() -> enterInSection(memory, maker));
    }

    private EnteredFile enterInSection(MachineMemory memory, InodeMaker maker) throws IOException {
        for (int attempt = 0; attempt < PathOpen.ATTEMPTS; attempt++) {
            EnteredFile entered = tryEnter(memory, maker);
            if (entered != null) {
                return entered;
            }
        }
        throw refusal(Errno.EBUSY, null);
    }

    private RuntimeException refusal(Errno errno, @Nullable Exception cause) {
        return HostPath.refusal(path.toString(), errno, cause);
    }

    /** Returns null if another program has moved a locked file to the path in the meantime. */
    private @Nullable EnteredFile tryEnter(MachineMemory memory, InodeMaker maker) throws IOException {
        EnteredFile shared = share(memory);
        if (shared != null) {
            return shared;
        }
        PathOpen opened = PathOpen.open(opener, path, options);
        Object key = opened.look().key;
        if (isOpenedOnce(key)) {
            ProcessFiles.discard(opened.channel());
            return null;
        }
        return new EnteredFile(enter(key, opened.channel(), memory, maker), opened.look().identity);
    }

    /** Counts an open of a file that must not be opened again. Returns null for any other file. */
    private @Nullable EnteredFile share(MachineMemory memory) throws IOException {
        boolean isNew = options.contains(StandardOpenOption.CREATE_NEW);
        if (isNew || (rules.lock() == null && !ProcessFiles.areSomeLocked())) {
            return null;
        }
        HostPath.PathLook look = HostPath.look(path, options.contains(StandardOpenOption.CREATE));
        if (look == null || !isOpenedOnce(look.key)) {
            return null;
        }
        HostInode shared = inodes.share(look.key, memory, writes, rules);
        if (shared == null) {
            // The file is open in another machine, or is about to be closed.
            throw refusal(Errno.EBUSY, null);
        }
        return new EnteredFile(shared, look.identity);
    }

    /** Returns whether a file is open and must not get another channel, because it is locked or will be locked. */
    private boolean isOpenedOnce(Object key) {
        return rules.lock() == null ? ProcessFiles.isLocked(key) : ProcessFiles.isOpen(key);
    }

    private HostInode enter(Object key, HostChannel channel, MachineMemory memory, InodeMaker maker)
            throws IOException {
        HostInode[] made = new HostInode[1];
        HostInode entered = null;
        ProcessFiles.opened(key);
        try {
            long size = sizeOf(channel);
            if (rules.lock() != null) {
                lock(channel);
            }
            entered = inodes.enter(key, memory, channel, writes, rules, () -> made[0] = maker.make(key, channel, size));
            if (rules.lock() != null) {
                ProcessFiles.setLocked(key);
            }
            return entered;
        } finally {
            if (entered == null || made[0] == null) {
                ProcessFiles.closed(key);
            }
        }
    }

    /** Returns the size of a file that was just opened. Closes the channel if that fails. */
    private static long sizeOf(HostChannel channel) throws IOException {
        boolean isKnown = false;
        try {
            long size = channel.size();
            isKnown = true;
            return size;
        } finally {
            if (!isKnown) {
                InodeTable.close(channel);
            }
        }
    }

    /** Locks a file that was just opened. Closes the channel if that fails. */
    private void lock(HostChannel channel) throws IOException {
        boolean isLocked = false;
        try {
            isLocked = channel.tryLock(rules.isShared());
        } catch (OverlappingFileLockException ofProcess) {
            throw refusal(Errno.EBUSY, ofProcess);
        } finally {
            if (!isLocked) {
                InodeTable.close(channel);
            }
        }
        if (!isLocked) {
            throw refusal(Errno.EAGAIN, null);
        }
    }
}
