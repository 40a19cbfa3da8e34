// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.syscall.InitialMappings;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/** Layouts of few VMAs. Page numbers count from {@link #BASE}. */
abstract class MergeRulesFixture {
    static final long PAGE = 0x1000;
    static final long BASE = 0x1000_0000L;
    static final long X = VmaFlags.READ | VmaFlags.MAY_ACCESS;
    static final long Y = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.MAY_ACCESS | VmaFlags.ACCOUNT;

    static Layout layout(int maxMaps, VmArea... vmas) {
        MachineState host = Layouts.host(maxMaps, 256, MachineState.UNLIMITED);
        return InitialMappings.load(Layouts.spaces(host), Layouts.origin(), List.of(vmas));
    }

    static Layout layout(VmArea... vmas) {
        return layout(65530, vmas);
    }

    static VmArea vma(int from, int to, long flags, long offset, @Nullable Backing backing) {
        return VmArea.describe(BASE + from * PAGE, BASE + to * PAGE, flags, offset, backing, null, null);
    }

    static VmArea vma(int from, int to, long flags) {
        return vma(from, to, flags, from, null);
    }

    static VmArea owned(int from, int to, @Nullable AnonVma identity) {
        return VmArea.describe(BASE + from * PAGE, BASE + to * PAGE, Y, from, null, null, identity);
    }

    static List<VmArea> vmas(Layout layout) {
        List<VmArea> vmas = new ArrayList<>();
        layout.snapshot().forEach((first, last, vma) -> vmas.add(vma));
        return vmas;
    }

    static String shape(Layout layout) {
        StringJoiner shape = new StringJoiner(" ");
        for (VmArea vma : vmas(layout)) {
            long from = (vma.start() - BASE) / PAGE;
            long to = (vma.end() - BASE) / PAGE;
            String letter = vma.flags() == X ? "x" : vma.flags() == Y ? "y" : "z";
            shape.add(from + "-" + to + letter);
        }
        layout.validate();
        return shape.toString();
    }

    /** Puts a new piece into a layout. */
    static VmArea place(Layout layout, VmArea piece) {
        try (Edit edit = Layouts.edit(layout)) {
            VmArea result = VmaMerge.place(edit, piece);
            Publication.publish(edit, 0);
            assertSame(result, layout.find(piece.start()));
            return result;
        }
    }

    /** Changes the flags of pages, if that is allowed. */
    static void change(Layout layout, int from, int to, long flags) {
        try (Edit edit = Layouts.edit(layout)) {
            VmArea vma = edit.at(BASE + from * PAGE);
            assertNotNull(vma);
            VmaMerge.change(edit, vma, BASE + from * PAGE, BASE + to * PAGE, flags);
            Publication.publish(edit, 0);
        }
    }

    static final AnonVma ONE = AnonVma.fresh();
    static final AnonVma TWO = AnonVma.fresh();
    static final AnonVma CHILD = AnonVma.inherited();

    static char letter(@Nullable AnonVma identity) {
        return identity == null ? '-' : identity == ONE ? '1' : identity == TWO ? '2' : 'c';
    }

    static String owners(Layout layout) {
        StringJoiner owners = new StringJoiner(" ");
        for (VmArea vma : vmas(layout)) {
            long from = (vma.start() - BASE) / PAGE;
            owners.add(from + "-" + (vma.end() - BASE) / PAGE + letter(vma.anonVma()));
        }
        return owners.toString();
    }
}
