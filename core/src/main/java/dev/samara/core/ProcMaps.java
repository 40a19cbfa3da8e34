// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The text form of a layout: the lines of {@code /proc/PID/maps}, and the {@code VmFlags} of {@code smaps}.
 *
 * <p>Parsing the lines of a snapshot yields an equal layout, except for data that the text does not contain. The offset
 * of anonymous memory is derived from its address. Two opens of one file cannot be distinguished. The lines name the
 * heap and the main stack, but the builder of the space must set their addresses. As on Linux, a name given to a part
 * of the heap or stack is not shown. Named shared memory is shown by that name only, so its parsed backing also gets
 * that name.
 */
public final class ProcMaps {
    /** Column at which names begin in a line of maps. */
    private static final int NAME_COLUMN = 73;

    private static final int FIELDS_BEFORE_NAME = 5;

    private static final long ALWAYS_ALLOWED = VmaFlags.MAY_ACCESS;

    /** Returns the backings of mappings that are parsed from text. */
    @FunctionalInterface
    public interface Opener {
        /**
         * Returns the backing that a line names.
         *
         * @param major the device's major number
         * @param minor the device's minor number
         * @param inode the inode
         * @param name the name in the line
         * @param flags the mapping's bits of {@link VmaFlags}
         * @return the backing; the same object for all mappings that continue each other
         */
        Backing open(int major, int minor, long inode, String name, long flags);
    }

    private ProcMaps() {}

    /**
     * An opener that opens each inode once, for reading and writing. Its files accept names if they are shared
     * anonymous memory, or files in memory without a directory ({@code memfd_create}).
     *
     * @return a new opener, for one thread
     */
    public static Opener openOnce() {
        record FileId(int major, int minor, long inode) {}
        Map<FileId, Backing> open = new HashMap<>();
        return (major, minor, inode, name, flags) -> open.computeIfAbsent(
                new FileId(major, minor, inode), key -> open(key.major(), key.minor(), key.inode(), name));
    }

    private static Backing open(int major, int minor, long inode, String name) {
        OpenFile.Builder file = OpenFile.named(name).inode(major, minor, inode);
        boolean isUnlinkedMemory = name.equals("/dev/zero (deleted)")
                || name.startsWith("/memfd:")
                || name.startsWith(Vma.ANON_SHMEM_NAME);
        return (isUnlinkedMemory ? file.acceptsNames() : file).open();
    }

    /**
     * Parses a layout.
     *
     * @param geometry the sizes of the space
     * @param maps lines of {@code /proc/PID/maps}
     * @param vmFlags a line {@code <start>-<end> <VmFlags>} for each line of {@code maps}, in the same order; or none
     *     at all: each mapping then gets the default attributes for its rights
     * @param opener returns the backings
     * @return descriptions to load
     * @throws IllegalArgumentException if a line cannot be parsed; the message names the line
     */
    public static List<Vma> parse(Geometry geometry, List<String> maps, List<String> vmFlags, Opener opener) {
        if (!vmFlags.isEmpty() && vmFlags.size() != maps.size()) {
            throw new IllegalArgumentException(
                    maps.size() + " lines of maps, but " + vmFlags.size() + " lines of VmFlags: one each is needed");
        }
        List<Vma> vmas = new ArrayList<>();
        for (int i = 0; i < maps.size(); i++) {
            String flags = vmFlags.isEmpty() ? null : vmFlags.get(i);
            vmas.add(parseLine(geometry, maps.get(i), flags, opener));
        }
        return vmas;
    }

    private static Vma parseLine(Geometry geometry, String line, @Nullable String flagsLine, Opener opener) {
        try {
            String[] fields = line.strip().split(" +", FIELDS_BEFORE_NAME + 1);
            String range = fields[0];
            long start = startOf(range);
            long end = endOf(range);
            long offset = Long.parseUnsignedLong(fields[2], 16);
            int colon = fields[3].indexOf(':');
            int major = Integer.parseInt(fields[3].substring(0, colon), 16);
            int minor = Integer.parseInt(fields[3].substring(colon + 1), 16);
            long inode = Long.parseUnsignedLong(fields[4]);
            String name = fields.length > FIELDS_BEFORE_NAME ? fields[FIELDS_BEFORE_NAME].strip() : "";
            long flags = flagsLine == null ? usualFlags(fields[1]) : parseFlags(start, end, flagsLine);
            // A System V segment may have inode 0; a mapping without a device and an inode is anonymous.
            boolean anonymous = major == 0 && minor == 0 && inode == 0;
            Backing backing = anonymous ? null : opener.open(major, minor, inode, name, flags);
            long pageOffset = geometry.pages(backing == null ? start : offset);
            boolean isOwn =
                    anonymous ? !Set.of("", "[heap]", "[stack]").contains(name) : name.startsWith(Vma.ANON_SHMEM_NAME);
            return VmArea.describe(start, end, flags, pageOffset, backing, isOwn ? name : null, null);
        } catch (IndexOutOfBoundsException | IllegalArgumentException malformed) {
            throw new IllegalArgumentException("maps line '" + line + "': " + malformed.getMessage(), malformed);
        }
    }

    private static long startOf(String range) {
        return Long.parseUnsignedLong(range.substring(0, range.indexOf('-')), 16);
    }

    private static long endOf(String range) {
        return Long.parseUnsignedLong(range.substring(range.indexOf('-') + 1), 16);
    }

    private static long parseFlags(long start, long end, String line) {
        int space = line.indexOf(' ');
        String range = space < 0 ? line : line.substring(0, space);
        if (startOf(range) != start || endOf(range) != end) {
            throw new IllegalArgumentException("its VmFlags line is for " + range);
        }
        return space < 0 ? 0 : VmaFlags.parse(line.substring(space + 1));
    }

    private static long usualFlags(String rights) {
        if (rights.length() != 4) {
            throw new IllegalArgumentException("rights '" + rights + "' are not four letters");
        }
        boolean shared = rights.charAt(3) == 's';
        boolean write = rights.charAt(1) == 'w';
        return (rights.charAt(0) == 'r' ? VmaFlags.READ : 0)
                | (write ? VmaFlags.WRITE : 0)
                | (rights.charAt(2) == 'x' ? VmaFlags.EXEC : 0)
                | ALWAYS_ALLOWED
                | (shared ? VmaFlags.SHARED | VmaFlags.MAYSHARE : 0)
                | (write && !shared ? VmaFlags.ACCOUNT : 0);
    }

    static String line(Geometry geometry, Vma vma, String name) {
        Backing backing = vma.backing();
        StringBuilder line = new StringBuilder(NAME_COLUMN + name.length());
        line.append(String.format(
                Locale.ROOT,
                "%08x-%08x %c%c%c%c %08x %02x:%02x %s ",
                vma.start(),
                vma.end(),
                vma.has(VmaFlags.READ) ? 'r' : '-',
                vma.has(VmaFlags.WRITE) ? 'w' : '-',
                vma.has(VmaFlags.EXEC) ? 'x' : '-',
                vma.has(VmaFlags.MAYSHARE) ? 's' : 'p',
                backing == null ? 0 : vma.pageOffset() << geometry.pageShift(),
                backing == null ? 0 : backing.major(),
                backing == null ? 0 : backing.minor(),
                backing == null ? "0" : Long.toUnsignedString(backing.inode())));
        if (!name.isEmpty()) {
            while (line.length() < NAME_COLUMN) {
                line.append(' ');
            }
            line.append(name);
        }
        return line.toString();
    }

    static String flagsLine(Vma vma) {
        return String.format(Locale.ROOT, "%08x-%08x %s", vma.start(), vma.end(), VmaFlags.format(vma.flags()));
    }
}
