// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

import dev.samara.core.Machine;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.SharedSegment;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The shared memory segments of all processes ({@code ipc/shm.c}, {@code ipc/util.c}). A segment has an index and an
 * ID. The ID is composed of the index and a sequence number, which counts how often indices were reused. Thread-safe. A
 * caller that holds the monitor sees a consistent state of all segments.
 */
public final class SegmentTable {
    /** The maximum number of segments ({@code SHMMNI}). */
    public static final int MOST = GuestLimits.SEGMENTS;

    /**
     * The maximum size of a segment in bytes, and the maximum number of pages of all segments ({@code SHMMAX}, {@code
     * SHMALL}), unsigned.
     */
    public static final long NO_LIMIT = -1L - (1 << 24);

    private static final int CREATE = 01000;
    private static final int EXCLUSIVE = 02000;
    private static final int HUGE_PAGES = 04000;
    private static final int INDEX_BITS = 15;
    private static final int SEQUENCES = 1 << 16;

    /** At least this many indices are used in turn before one is reused. */
    private static final int LEAST_INDICES = 64;

    private static final int LIMIT_BYTES = 72;
    private static final int USAGE_BYTES = 48;

    private final Machine machine;
    private final long memoryBytes;
    private final TreeMap<Integer, GuestSegment> all = new TreeMap<>();
    private int lastIndex = -1;
    private int sequence;

    /**
     * Creates a table without segments.
     *
     * @param machine provides the memory of segments
     * @param memoryBytes the size of all memory in bytes, which no segment may exceed
     */
    public SegmentTable(Machine machine, long memoryBytes) {
        this.machine = machine;
        this.memoryBytes = memoryBytes;
    }

    private NavigableMap<Integer, GuestSegment> all() {
        all.values().removeIf(each -> each.segment.isRemoved());
        return all;
    }

    /** {@code shmget}: finds or creates a segment; returns its ID, or an error. */
    public synchronized long get(int key, long size, int flags, int user, int pid) {
        if (key != 0) {
            for (GuestSegment each : all().values()) {
                if (each.key() == key) {
                    return known(each, size, flags, user);
                }
            }
            if ((flags & CREATE) == 0) {
                return LinuxErrno.ENOENT;
            }
        }
        return make(key, size, flags, user, pid);
    }

    private static long known(GuestSegment found, long size, int flags, int user) {
        if ((flags & CREATE) != 0 && (flags & EXCLUSIVE) != 0) {
            return LinuxErrno.EEXIST;
        }
        if (Long.compareUnsigned(size, found.segment.size()) > 0) {
            return LinuxErrno.EINVAL;
        }
        return found.allows(user, flags >> 6 | flags >> 3 | flags) ? found.id : LinuxErrno.EACCES;
    }

    private long make(int key, long size, int flags, int user, int pid) {
        if (size == 0 || Long.compareUnsigned(size, NO_LIMIT) > 0) {
            return LinuxErrno.EINVAL;
        }
        if ((flags & HUGE_PAGES) != 0) {
            return LinuxErrno.EPERM;
        }
        if (size < 0 || size > memoryBytes) {
            return size < 0 ? LinuxErrno.EINVAL : LinuxErrno.ENOMEM;
        }
        int index = freeIndex();
        if (index < 0) {
            return LinuxErrno.ENOSPC;
        }
        sequence = index <= lastIndex ? (sequence + 1) % SEQUENCES : sequence;
        lastIndex = index;
        int id = sequence << INDEX_BITS | index;
        PageCache pages = machine.newPageCache(ProgramLoader.GEOMETRY, size);
        all.put(index, new GuestSegment(new SharedSegment(id, key, size, pages), pages, id, key, flags, user, pid));
        return id;
    }

    /** Returns the next free index after the last one used, starting again at 0 if necessary; -1 if all are in use. */
    private int freeIndex() {
        int used = all().size();
        if (used >= MOST) {
            return -1;
        }
        int end = Math.min(Math.max(used * 3 / 2, LEAST_INDICES), MOST);
        int index = lastIndex + 1;
        for (int i = 0; i <= end; i++, index++) {
            index = index >= end ? 0 : index;
            if (!all.containsKey(index)) {
                return index;
            }
        }
        return -1;
    }

    /** Returns the segment with an ID; null if there is none. */
    public synchronized @Nullable GuestSegment find(int id) {
        GuestSegment found = findByIndex(id);
        return found == null || found.id != id ? null : found;
    }

    /** Returns the segment with the index that an ID contains; null if there is none. */
    public synchronized @Nullable GuestSegment findByIndex(int id) {
        return id < 0 ? null : all().get(id & (1 << INDEX_BITS) - 1);
    }

    /** Returns the highest index in use; 0 if there are no segments. */
    public synchronized long highestIndex() {
        return all().isEmpty() ? 0 : all.lastKey();
    }

    /** Records that a process attached a segment. */
    public synchronized void attached(GuestSegment segment, int pid) {
        segment.attachedBy(pid);
    }

    /** Records that a process detached a segment. */
    public synchronized void detached(SharedSegment segment, int pid) {
        for (GuestSegment each : all.values()) {
            if (each.segment.equals(segment)) {
                each.detachedBy(pid);
            }
        }
    }

    /** Returns the limits ({@code struct shminfo64}). */
    public static ByteBuffer limits() {
        ByteBuffer found = CallMemory.structure(LIMIT_BYTES);
        return found.putLong(0, NO_LIMIT)
                .putLong(8, 1)
                .putLong(16, MOST)
                .putLong(24, MOST)
                .putLong(32, NO_LIMIT);
    }

    /** Returns the memory usage of all segments ({@code struct shm_info}). */
    public synchronized ByteBuffer usage() {
        long pages = 0;
        long resident = 0;
        for (GuestSegment each : all().values()) {
            pages += each.pages();
            resident += each.resident();
        }
        ByteBuffer found = CallMemory.structure(USAGE_BYTES);
        return found.putInt(0, all.size()).putLong(8, pages).putLong(16, resident);
    }

    /** Frees the memory of all segments. Called at the end of the run. */
    public synchronized void close() {
        all.values().forEach(each -> each.segment.remove());
        all.clear();
    }

    /**
     * A segment with the status that Linux records for it ({@code struct shmid_kernel}). Guarded by its {@link
     * SegmentTable}.
     */
    public static final class GuestSegment {
        /** The size of {@code struct shmid64_ds}. */
        private static final int STATUS_BYTES = 112;

        private static final int RIGHTS = 0777;
        private static final int REMOVED = 01000;
        private static final int LOCKED = 02000;
        private static final int SEQUENCE_SHIFT = 15;
        private static final long MILLIS = 1000;

        public final SharedSegment segment;
        private final PageCache pages;
        public final int id;
        private final int key;
        private final int creator;
        private final int creatorPid;
        private int user;
        private int group;
        private int rights;
        private int lastPid;
        private long attached;
        private long detached;
        private long changed = now();

        GuestSegment(SharedSegment segment, PageCache pages, int id, int key, int rights, int user, int pid) {
            this.segment = segment;
            this.pages = pages;
            this.id = id;
            this.key = key;
            this.rights = rights & RIGHTS;
            creator = user;
            creatorPid = pid;
            this.user = user;
            group = user;
        }

        private static long now() {
            return System.currentTimeMillis() / MILLIS;
        }

        /** Returns the key by which the segment can be found; 0 after it was marked for removal. */
        int key() {
            return segment.isMarkedForRemoval() ? 0 : key;
        }

        /**
         * Returns whether a user has the wanted rights to this segment ({@code ipcperms}). The user's group has the
         * same ID as the user.
         */
        public boolean allows(int asking, int wanted) {
            int granted = asking == creator || asking == user ? rights >> 6 : asking == group ? rights >> 3 : rights;
            return (wanted & ~granted & 7) == 0;
        }

        /** Returns whether a user may change or remove this segment. */
        public boolean isOwnedBy(int asking) {
            return asking == user || asking == creator;
        }

        /**
         * Takes the owner, group and rights from a status ({@code IPC_SET}). Returns false if the user ID or group ID
         * is invalid.
         */
        public boolean change(ByteBuffer status) {
            int newUser = status.getInt(4);
            int newGroup = status.getInt(8);
            if (newUser == -1 || newGroup == -1) {
                return false;
            }
            user = newUser;
            group = newGroup;
            rights = status.getInt(20) & RIGHTS;
            changed = now();
            return true;
        }

        void attachedBy(int pid) {
            attached = now();
            lastPid = pid;
        }

        void detachedBy(int pid) {
            detached = now();
            lastPid = pid;
        }

        private int mode() {
            return rights | (segment.isMarkedForRemoval() ? REMOVED : 0) | (segment.isLocked() ? LOCKED : 0);
        }

        long pages() {
            return ProgramLoader.GEOMETRY.pages(ProgramLoader.GEOMETRY.roundUp(segment.size()));
        }

        /** Returns the number of resident pages. Takes time in proportion to the size of the segment. */
        long resident() {
            long found = 0;
            for (long page = 0; page < pages(); page++) {
                found += pages.frameAt(page) >= 0 ? 1 : 0;
            }
            return found;
        }

        /** Returns the status that {@code IPC_STAT} stores. */
        public ByteBuffer status() {
            ByteBuffer status = CallMemory.structure(STATUS_BYTES);
            status.putInt(0, key()).putInt(4, user).putInt(8, group).putInt(12, creator);
            status.putInt(16, creator).putInt(20, mode()).putShort(24, (short) (id >> SEQUENCE_SHIFT));
            status.putLong(48, segment.size()).putLong(56, attached).putLong(64, detached);
            status.putLong(72, changed).putInt(80, creatorPid).putInt(84, lastPid);
            return status.putLong(88, segment.attachments());
        }
    }
}
