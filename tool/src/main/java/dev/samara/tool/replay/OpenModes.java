// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.record.FileIdentity;
import dev.samara.tool.record.MemoryCall.Mmap;
import dev.samara.tool.trace.Event;
import dev.samara.tool.trace.FlagsLine;
import dev.samara.tool.trace.KernelSnapshot;
import dev.samara.tool.trace.MapsLine;
import dev.samara.tool.trace.Trace;
import dev.samara.tool.trace.TraceEntry;
import dev.samara.tool.trace.TraceFolder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Determines whether a file was open only for reading when a shared mapping of it was created. The trace of the call
 * does not contain this.
 *
 * <p>This is one of the three facts that are learnt from snapshots. A shared mapping of a read-only open is marked
 * {@code ms}, but neither {@code sh} nor {@code mw}. So the first later snapshot that shows the same pages with the
 * same file decides; this may be the first snapshot of a child. If there is none, the file also counts as open for
 * writing. The result depends only on the files.
 */
final class OpenModes {
    private static final long LENT = VmaFlags.SHARED | VmaFlags.MAYWRITE;

    private final List<Sight> sights = new ArrayList<>();

    private record Sight(long sequence, KernelSnapshot snapshot) {}

    OpenModes(Trace trace, TraceFolder family) {
        for (TraceEntry entry : trace.entries()) {
            KernelSnapshot snapshot = snapshotOf(entry, trace, family);
            if (snapshot != null && !snapshot.flags().isEmpty()) {
                sights.add(new Sight(entry.sequence(), snapshot));
            }
        }
    }

    private static @Nullable KernelSnapshot snapshotOf(TraceEntry entry, Trace trace, TraceFolder family) {
        if (entry instanceof KernelSnapshot snapshot) {
            return snapshot;
        }
        if (entry instanceof Event event && event.kind() == Event.Kind.FORK) {
            Trace child = family.start(trace.header(), event.childSpace());
            return child == null ? null : child.start();
        }
        return null;
    }

    /**
     * Returns whether the file of a successful shared mapping was open only for reading.
     *
     * @param sequence the sequence number of the call
     * @param call the call
     * @param file the mapped file
     * @param start the start of the mapping
     */
    boolean isReadOnly(long sequence, Mmap call, FileIdentity file, long start) {
        for (Sight sight : sights) {
            FlagsLine line = sight.sequence() > sequence ? find(sight.snapshot(), call, file, start) : null;
            if (line != null) {
                return (line.flags() & VmaFlags.MAYSHARE) != 0 && (line.flags() & LENT) == 0;
            }
        }
        return false;
    }

    /** Returns the flags of the pages, at their first address or at the address to which they were moved. */
    private static @Nullable FlagsLine find(KernelSnapshot snapshot, Mmap call, FileIdentity file, long start) {
        MapsLine moved = null;
        for (MapsLine line : snapshot.maps()) {
            if (line.isShared() && isOf(line, file) && showsSomeOf(line, call)) {
                if (line.start() < start + call.length() && start < line.end()) {
                    return flagsAt(snapshot, line.start());
                }
                moved = line;
            }
        }
        return moved == null ? null : flagsAt(snapshot, moved.start());
    }

    private static boolean isOf(MapsLine line, FileIdentity file) {
        return line.inode() == file.inode() && line.major() == file.major() && line.minor() == file.minor();
    }

    private static boolean showsSomeOf(MapsLine line, Mmap call) {
        return line.offset() < call.offset() + call.length()
                && call.offset() < line.offset() + line.end() - line.start();
    }

    private static @Nullable FlagsLine flagsAt(KernelSnapshot snapshot, long start) {
        for (FlagsLine line : snapshot.flags()) {
            if (line.start() == start) {
                return line;
            }
        }
        return null;
    }
}
