// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.memory.CallMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The result of {@code stat}.
 *
 * @param device number of the device
 * @param inode number of the file
 * @param mode type and rights
 * @param links number of names
 * @param size bytes
 * @param times when the file was last read and changed
 */
public record FileStatus(long device, long inode, int mode, int links, long size, FileTimes times) {
    public static final int TYPE = 0170000;
    public static final int FIFO = 0010000;
    public static final int CHARACTERS = 0020000;
    public static final int FOLDER = 0040000;
    public static final int REGULAR = 0100000;

    /** Bits of the argument of {@link #allows}. */
    public static final int MAY_READ = 4;

    public static final int MAY_WRITE = 2;

    static final int LINK = 0120000;

    /** The sizes of {@code struct stat} and of {@code struct statx}. */
    static final int BYTES = 128;

    static final int EXTENDED_BYTES = 256;

    private static final int BASIC_STATS = 0x7ff;

    /** {@code STATX_MTIME} and {@code STATX_CTIME}. */
    private static final int CHANGES = 0xc0;

    /** The device number of files that the host does not have. */
    private static final int EMULATED = 1;

    /** The size that {@code lstat} shows for a descriptor's link in {@code /proc}. */
    private static final int SIZE_OF_DESCRIPTOR = 64;

    static final int BLOCK = 4096;
    private static final int SECTOR = 512;
    static final int BITS_OF_RIGHTS = 07777;

    /** Returns the status of a file that the host does not have. */
    static FileStatus of(int mode, long inode, long size) {
        return new FileStatus(EMULATED, inode, mode, 1, size, FileTimes.NONE);
    }

    /**
     * Returns the status of a directory that the host does not have.
     *
     * @param rights the permission bits
     * @param number the inode number
     * @param folders the number of subdirectories
     */
    public static FileStatus ofFolder(int rights, long number, int folders) {
        return new FileStatus(EMULATED, number, FOLDER | rights, 2 + folders, 0, FileTimes.NONE);
    }

    /** Returns a unique inode number for a file that the host does not have, computed from its path. */
    public static long numberOf(String path) {
        long hash = 0xcbf2_9ce4_8422_2325L;
        for (int i = 0; i < path.length(); i++) {
            hash = (hash ^ path.charAt(i)) * 0x100_0000_01b3L;
        }
        // Numbers of all other files are smaller.
        return hash >>> 2 | 1L << 61;
    }

    /**
     * Returns the status of a symbolic link that the host does not have. {@code length} is the length of its target.
     */
    public static FileStatus ofLink(long number, int length) {
        return of(LINK | 0777, number, length);
    }

    /**
     * Returns the status of the link in {@code /proc/PID/fd} for an open file ({@code tid_fd_update_inode}).
     *
     * @param inode the inode number of the link, which no other link has
     */
    public static FileStatus ofDescriptor(GuestFile open, long inode) {
        boolean isPath = (open.flags() & OpenFlags.PATH) != 0;
        int reads = open.mayRead() && !isPath ? 0500 : 0;
        int writes = open.mayWrite() && !isPath ? 0300 : 0;
        return of(LINK | reads | writes, inode, SIZE_OF_DESCRIPTOR);
    }

    /**
     * Returns whether an access now updates the access time (as with {@code relatime}).
     *
     * @param now the real time in nanoseconds
     */
    boolean isAccessOld(long now) {
        return times.accessed() <= times.modified()
                || times.accessed() <= times.changed()
                || now - times.accessed() >= TimeUnit.DAYS.toNanos(1);
    }

    public static FileStatus of(Path path, boolean follows) throws IOException {
        LinkOption[] options = follows ? new LinkOption[0] : new LinkOption[] {LinkOption.NOFOLLOW_LINKS};
        Map<String, Object> all = Files.readAttributes(
                path, "unix:dev,ino,mode,nlink,size,lastModifiedTime,lastAccessTime,ctime", options);
        return new FileStatus(
                number(all, "dev"),
                number(all, "ino"),
                (int) number(all, "mode"),
                (int) number(all, "nlink"),
                number(all, "size"),
                new FileTimes(time(all, "lastAccessTime"), time(all, "lastModifiedTime"), time(all, "ctime")));
    }

    private static long time(Map<String, Object> all, String name) {
        return all.get(name) instanceof FileTime found ? found.to(TimeUnit.NANOSECONDS) : 0;
    }

    private static long number(Map<String, Object> all, String name) {
        return all.get(name) instanceof Number found ? found.longValue() : 0;
    }

    FileStatus withSize(long bytes) {
        return new FileStatus(device, inode, mode, links, bytes, times);
    }

    FileStatus withoutNames() {
        return withNames(0);
    }

    /** Returns a copy of this status with the given number of names. */
    FileStatus withNames(int names) {
        return new FileStatus(device, inode, mode, names, size, times);
    }

    /** Returns this without the set-user-ID and set-group-ID bits that {@link HostRights#withoutPrivileges} removes. */
    public FileStatus withoutPrivileges() {
        return withRights(HostRights.withoutPrivileges(mode));
    }

    /** Returns this with other permission bits, as {@code chmod} sets them. */
    public FileStatus withRights(int rights) {
        int changed = (mode & TYPE) | (rights & BITS_OF_RIGHTS);
        return new FileStatus(device, inode, changed, links, size, times);
    }

    /**
     * Returns this with other times of the last access and the last change of bytes. A time that is null stays
     * unchanged.
     */
    public FileStatus withTimes(@Nullable FileTime accessed, @Nullable FileTime modified) {
        FileTimes found = new FileTimes(
                accessed == null ? times.accessed() : accessed.to(TimeUnit.NANOSECONDS),
                modified == null ? times.modified() : modified.to(TimeUnit.NANOSECONDS),
                times.changed());
        return new FileStatus(device, inode, mode, links, size, found);
    }

    /** Returns this with the present time as the time of the last status change. */
    public FileStatus changedNow() {
        return new FileStatus(device, inode, mode, links, size, times.changedNow());
    }

    /** Whether this and another status belong to the same file. */
    public boolean isSame(FileStatus other) {
        return device == other.device && inode == other.inode;
    }

    /** Whether this file exists only in the emulator. */
    public boolean isEmulated() {
        return device == EMULATED;
    }

    public boolean isFolder() {
        return (mode & TYPE) == FOLDER;
    }

    public boolean isLink() {
        return (mode & TYPE) == LINK;
    }

    /** Stores a time as seconds and nanoseconds. The nanoseconds take 4 bytes, which fits both structures. */
    private static void put(ByteBuffer to, int at, long nanos) {
        to.putLong(at, Math.floorDiv(nanos, CallMemory.SECOND));
        to.putInt(at + 8, (int) Math.floorMod(nanos, CallMemory.SECOND));
    }

    public ByteBuffer bytes(int user) {
        ByteBuffer to = CallMemory.structure(BYTES);
        to.putLong(0, device).putLong(8, inode).putInt(16, mode).putInt(20, links);
        to.putInt(24, user).putInt(28, user);
        to.putLong(48, size).putInt(56, BLOCK).putLong(64, sectors());
        put(to, 72, times.accessed());
        put(to, 88, times.modified());
        put(to, 104, times.changed());
        return to;
    }

    private long sectors() {
        return (size + SECTOR - 1) / SECTOR;
    }

    /** Returns an estimate of the bytes that the file takes on its device, computed from its size. */
    public long storedBytes() {
        return sectors() * SECTOR;
    }

    /**
     * Whether {@code statx} reports the times of changes only if the caller requests one of them ({@code
     * fill_mg_cmtime}).
     */
    private boolean hasFineTimes() {
        boolean isInMemory = (mode & TYPE) == REGULAR && links == 0;
        return device != EMULATED || isInMemory;
    }

    /** Returns the {@code struct statx} for a request of some {@code STATX_*} bits. */
    public ByteBuffer extendedBytes(int user, int asked) {
        boolean hasChanges = (asked & CHANGES) != 0 || !hasFineTimes();
        ByteBuffer to = CallMemory.structure(EXTENDED_BYTES);
        to.putInt(0, hasChanges ? BASIC_STATS : BASIC_STATS & ~CHANGES)
                .putInt(4, BLOCK)
                .putInt(16, links)
                .putInt(20, user)
                .putInt(24, user);
        to.putShort(28, (short) mode).putLong(32, inode).putLong(40, size);
        to.putLong(48, sectors());
        put(to, 64, times.accessed());
        put(to, 96, hasChanges ? times.changed() : 0);
        put(to, 112, hasChanges ? times.modified() : 0);
        to.putInt(136, majorOf(device)).putInt(140, minorOf(device));
        return to;
    }

    /** Returns the major number of a device. */
    public static int majorOf(long device) {
        return (int) (device >> 8 & 0xfff);
    }

    /** Returns the minor number of a device. */
    public static int minorOf(long device) {
        return (int) ((device & 0xff) | (device >> 12 & 0xfff00));
    }

    /** Whether the owner's permissions include all the given bits (4 for read, 2 for write, 1 for execute). */
    public boolean allows(int rights) {
        return (mode >> 6 & rights) == rights;
    }

    /** Whether any execute permission bit is set. */
    public boolean isExecutable() {
        return (mode & 0111) != 0;
    }
}
