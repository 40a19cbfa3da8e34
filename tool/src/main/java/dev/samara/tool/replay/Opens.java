// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.Machine;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.record.FileIdentity;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.MemoryCall.Shmat;
import dev.samara.tool.trace.MapsLine;
import dev.samara.tool.trace.Trace;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.agrona.collections.Int2ObjectHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The open files and segments of one trace.
 *
 * <p>Calls with the same descriptor and the same file are assumed to use the same open, so the segments of a library
 * that a loader maps separately belong together. In the first snapshot, all mappings of one inode share one open.
 */
final class Opens {
    private static final String ZERO_DEVICE = "/dev/zero";
    private static final String SEGMENT = "/SYSV";
    private static final int KEY_DIGITS = 8;

    private static final String LOADED = "";

    private final Map<OpenKey, Backing> files = new HashMap<>();
    private final Int2ObjectHashMap<SharedSegment> segments = new Int2ObjectHashMap<>();
    private final Map<OpenKey, SharedSegment.Attachment> loadedSegments = new HashMap<>();

    /** The machine that provides the files' pages; null if files need no memory. */
    private final @Nullable Machine machine;

    private final Map<Inode, PageCache> pages = new HashMap<>();

    private record Inode(int major, int minor, long number) {}

    private record OpenKey(String descriptor, int major, int minor, long inode, String path, boolean readOnly) {}

    /**
     * Prepares the opens of the first snapshot. No line contains the size of a segment or file, so the size is computed
     * from all its lines.
     *
     * @param machine the machine whose memory the files use; null if they use none
     */
    Opens(Trace trace, @Nullable Machine machine) throws InputException {
        this.machine = machine;
        for (MapsLine line : trace.start().maps()) {
            if (isSegment(line.major(), line.name())) {
                SharedSegment segment = segment(trace.file(), line);
                segments.merge((int) line.inode(), segment, Opens::larger);
            } else if (!line.isAnonymous()) {
                PageCache cache = cache(line.major(), line.minor(), line.inode());
                long end = line.offset() + (line.end() - line.start());
                if (cache != null && cache.size() < end) {
                    cache.truncate(end);
                }
            }
        }
    }

    /** Returns the backing of a mapping in the first snapshot. */
    Backing loaded(int major, int minor, long inode, String name, long flags) {
        boolean readOnly = (flags & VmaFlags.MAYSHARE) != 0 && (flags & VmaFlags.MAYWRITE) == 0;
        SharedSegment segment = isSegment(major, name) ? segments.get((int) inode) : null;
        if (segment != null) {
            return loadedSegments.computeIfAbsent(
                    new OpenKey(LOADED, major, minor, inode, name, readOnly), key -> segment.attach(readOnly));
        }
        // The inode identifies the file, because its name may end in "(deleted)" on one line, but not on another.
        return files.computeIfAbsent(
                new OpenKey(LOADED, major, minor, inode, LOADED, readOnly),
                key -> open(name, major, minor, inode, readOnly));
    }

    /** Returns the backing of a call with a descriptor and a file. */
    Backing file(String descriptor, FileIdentity file, long size, boolean readOnly) {
        PageCache cache = cache(file.major(), file.minor(), file.inode());
        if (cache != null && size >= 0 && cache.size() != size) {
            cache.truncate(size);
        }
        return files.computeIfAbsent(
                new OpenKey(descriptor, file.major(), file.minor(), file.inode(), file.path(), readOnly),
                key -> open(file.path(), file.major(), file.minor(), file.inode(), readOnly));
    }

    /** Returns the segment of an attachment; null if there is none. */
    @Nullable
    SharedSegment segment(Shmat call) {
        if (call.size() <= 0 || call.id() < 0) {
            return null;
        }
        return segments.merge(call.id(), new SharedSegment(call.id(), 0, call.size()), Opens::larger);
    }

    /** Returns the page cache of a file; null if files need no memory. */
    private @Nullable PageCache cache(int major, int minor, long inode) {
        Machine of = machine;
        return of == null
                ? null
                : pages.computeIfAbsent(
                        new Inode(major, minor, inode), key -> of.newPageCache(Geometry.LINUX_X86_64, 0));
    }

    private Backing open(String name, int major, int minor, long inode, boolean readOnly) {
        OpenFile.Builder file = OpenFile.named(name).inode(major, minor, inode);
        if (readOnly) {
            file.readOnly();
        }
        if (name.equals(ZERO_DEVICE)) {
            file.zeroDevice();
        }
        // The disks of the traced machines use ext4. Files that are not on a disk (tmpfs, memfd, devices) need no
        // alignment.
        if (major != 0) {
            file.hugeAligned();
        }
        PageCache cache = cache(major, minor, inode);
        return cache == null || name.equals(ZERO_DEVICE) ? file.open() : new TracedFile(file.open(), cache);
    }

    private static boolean isSegment(int major, String name) {
        return major == 0
                && name.startsWith(SEGMENT)
                && name.length() >= SEGMENT.length() + KEY_DIGITS
                && name.substring(SEGMENT.length(), SEGMENT.length() + KEY_DIGITS)
                        .chars()
                        .allMatch(digit -> Character.digit(digit, 16) >= 0);
    }

    private static SharedSegment segment(Path file, MapsLine line) throws InputException {
        long id = line.inode();
        if (id < 0 || id > Integer.MAX_VALUE) {
            String message = "inode " + Long.toUnsignedString(id) + " is no number of a segment";
            throw new InputException(file, line.line(), message, null);
        }
        long length = line.end() - line.start();
        if (length < 0 || line.offset() < 0 || line.offset() > Long.MAX_VALUE - length) {
            String message = "no segment is so large that it has offset 0x" + Long.toHexString(line.offset());
            throw new InputException(file, line.line(), message, null);
        }
        int key = Integer.parseUnsignedInt(line.name(), SEGMENT.length(), SEGMENT.length() + KEY_DIGITS, 16);
        return new SharedSegment((int) id, key, line.offset() + length);
    }

    private static SharedSegment larger(SharedSegment one, SharedSegment other) {
        return one.size() >= other.size() ? one : other;
    }
}
