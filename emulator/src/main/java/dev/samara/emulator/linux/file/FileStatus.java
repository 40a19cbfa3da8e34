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

/**
 * The result of {@code stat}. The times are nanoseconds.
 *
 * @param device number of the device
 * @param inode number of the file
 * @param mode type and rights
 * @param links number of names
 * @param size bytes
 * @param accessed when the file was last read
 * @param modified when its bytes were last changed
 * @param changed when its status was last changed
 */
public record FileStatus(
        long device, long inode, int mode, int links, long size, long accessed, long modified, long changed) {
    public static final int TYPE = 0170000;
    public static final int FIFO = 0010000;
    public static final int CHARACTERS = 0020000;
    public static final int FOLDER = 0040000;
    public static final int REGULAR = 0100000;

    /** A bit of the argument of {@link #allows}. */
    public static final int MAY_WRITE = 2;

    static final int LINK = 0120000;

    /** The size of {@code struct stat}. */
    private static final int BYTES = 128;

    /** The device number of files that the host does not have. */
    private static final int EMULATED = 1;

    private static final int BLOCK = 4096;
    private static final int SECTOR = 512;

    /** Returns the status of a file that the host does not have. */
    public static FileStatus of(int mode, long inode, long size) {
        return new FileStatus(EMULATED, inode, mode, 1, size, 0, 0, 0);
    }

    /** Returns the status of a directory that the host does not have, with a number of subdirectories. */
    public static FileStatus ofFolder(int rights, long number, int folders) {
        return of(FOLDER | rights, number, 0).withNames(2 + folders);
    }

    /** Returns the status of a symbolic link that the host does not have. */
    public static FileStatus ofLink(long number, int length) {
        return of(LINK | 0777, number, length);
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

    /** Reads the status of a file of the host. */
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
                time(all, "lastAccessTime"),
                time(all, "lastModifiedTime"),
                time(all, "ctime"));
    }

    private static long time(Map<String, Object> all, String name) {
        return all.get(name) instanceof FileTime found ? found.to(TimeUnit.NANOSECONDS) : 0;
    }

    private static long number(Map<String, Object> all, String name) {
        return all.get(name) instanceof Number found ? found.longValue() : 0;
    }

    FileStatus withSize(long bytes) {
        return new FileStatus(device, inode, mode, links, bytes, accessed, modified, changed);
    }

    FileStatus withNames(int names) {
        return new FileStatus(device, inode, mode, names, size, accessed, modified, changed);
    }

    public boolean isSame(FileStatus other) {
        return device == other.device && inode == other.inode;
    }

    public boolean isType(int type) {
        return (mode & TYPE) == type;
    }

    public boolean isFolder() {
        return isType(FOLDER);
    }

    public boolean isLink() {
        return isType(LINK);
    }

    /** Returns whether the owner has rights. */
    public boolean allows(int rights) {
        return (mode >> 6 & rights) == rights;
    }

    private static void put(ByteBuffer to, int at, long nanos) {
        to.putLong(at, Math.floorDiv(nanos, CallMemory.SECOND));
        to.putInt(at + 8, (int) Math.floorMod(nanos, CallMemory.SECOND));
    }

    /** Returns {@code struct stat}, with the owner as user and group. */
    public ByteBuffer bytes(int user) {
        ByteBuffer to = CallMemory.structure(BYTES);
        to.putLong(0, device).putLong(8, inode).putInt(16, mode).putInt(20, links);
        to.putInt(24, user).putInt(28, user);
        to.putLong(48, size).putInt(56, BLOCK).putLong(64, (size + SECTOR - 1) / SECTOR);
        put(to, 72, accessed);
        put(to, 88, modified);
        put(to, 104, changed);
        return to;
    }
}
