// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.SharedSegment;
import dev.samara.emulator.elf.ProgramLoader;
import java.nio.ByteBuffer;

/**
 * A segment with the status that Linux records for it ({@code struct shmid_kernel}). Guarded by its {@link
 * SegmentTable}.
 */
public final class GuestSegment {
    /** The size of {@code struct shmid64_ds}. */
    private static final int STATUS_BYTES = 112;

    private static final int RIGHTS = 0777;
    private static final int REMOVED = 01000;
    private static final int LOCKED = 02000;
    private static final int SEQUENCE_SHIFT = 15;
    private static final long MILLIS = 1000;

    private final SharedSegment segment;
    private final PageCache pages;
    private final int id;
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

    public SharedSegment segment() {
        return segment;
    }

    public int id() {
        return id;
    }

    /** Returns the key by which the segment can be found; 0 after it was marked for removal. */
    int key() {
        return segment.isMarkedForRemoval() ? 0 : key;
    }

    /**
     * Returns whether a user has the wanted rights to this segment ({@code ipcperms}). The user's group has the same ID
     * as the user.
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
     * Takes the owner, group and rights from a status ({@code IPC_SET}). Returns false if the user ID or group ID is
     * invalid.
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
