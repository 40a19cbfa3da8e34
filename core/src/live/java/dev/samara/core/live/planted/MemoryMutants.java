// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.planted;

import dev.samara.core.live.memory.OpenMemoryLanguage;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.rule.RuleMutant;
import java.util.List;

/** Mutants that break rules of memory calls. */
final class MemoryMutants {
    private static final String INTERNAL = "dev.samara.core.internal.";

    /** The maximum number of scripts per mutant, which take several minutes. */
    private static final long MOST = 15_000;

    private MemoryMutants() {}

    private static RuleMutant of(String name, RuleMutant.Cost cost, String className, String... texts) {
        return new RuleMutant(name, cost, OpenMemoryLanguage.class, MOST, SourceMutant.of(INTERNAL + className, texts));
    }

    static final List<RuleMutant> ALL = List.of(
            of(
                    "the upper part of a VMA that is cut keeps the offset of the whole",
                    RuleMutant.shown(1.4, 1, 2),
                    "op.VmaCut",
                    "vma.pageOffset() + ((start - vma.start()) >>> pageShift)",
                    "vma.pageOffset()"),
            of(
                    "VMAs of different anon_vmas are joined",
                    RuleMutant.shown(3.0, 39, 3),
                    "op.MergeRules",
                    "one == other || (other == null && !one.isInherited())",
                    "true"),
            of(
                    "guard markers keep VMAs apart",
                    RuleMutant.shown(11.7, 717, 4),
                    "op.MergeRules",
                    "STICKY = VmaFlags.MAYBE_GUARD;",
                    "STICKY = 0;"),
            of(
                    "mlock counts pages twice that are locked already",
                    RuleMutant.shown(14.0, 973, 7),
                    "syscall.Mlock",
                    "pages - lockedIn(edit, start, end))) {",
                    "pages)) {"),
            of(
                    "MAP_FIXED_NOREPLACE replaces",
                    RuleMutant.shown(1.5, 8, 2),
                    "syscall.Mmap",
                    "if (keepsMappings() && edit.firstIn(start, start + size) != null) {",
                    "if (keepsMappings() && edit.firstIn(start, start + size) != null && edit.limits == null) {"),
            of(
                    "a hint is rounded up",
                    RuleMutant.shown(2.6, 109, 1),
                    "op.Placement",
                    "long rounded = geometry.roundDown(hint);",
                    "long rounded = geometry.roundUp(hint);"),
            of(
                    "shared anonymous memory has the offset of its address",
                    RuleMutant.shown(0.6, 2, 1),
                    "syscall.Mmap",
                    "(flags & MapFlags.TYPE) == SHARED ? 0 : geometry.pages(start)",
                    "geometry.pages(start)"),
            of(
                    "brk does not look at the limit of data",
                    RuleMutant.shown(2.1, 54, 2),
                    "syscall.Brk",
                    " || Addresses.isBelow(edit.limits.bytes(Resource.DATA), address - start)) {",
                    ") {"),
            of(
                    "what MREMAP_DONTUNMAP leaves is locked",
                    RuleMutant.shown(4.2, 226, 4),
                    "syscall.MremapVma",
                    "old.flags() & ~VmaFlags.LOCKED_MASK,",
                    "old.flags(),"),
            of(
                    "a move that shrinks must lie in one VMA",
                    RuleMutant.shown(4.7, 262, 3),
                    "syscall.MremapVma",
                    "vma.end() - address, Addresses.lower(oldLength, newLength))",
                    "vma.end() - address, oldLength)"),
            of(
                    "a stack grows into the gap below it",
                    RuleMutant.shown(1.4, 30, 2),
                    "fault.ExpandStack",
                    "Addresses.isBelow(start - below.end(), gap)",
                    "start - below.end() < 0"),
            of(
                    "mseal seals the first VMA only",
                    RuleMutant.shown(2.1, 5, 3),
                    "syscall.Mseal",
                    "            reached = changed;\n",
                    "            return DONE;\n"),
            of(
                    "munmap looks for a seal before it cuts",
                    RuleMutant.shown(2.6, 162, 3),
                    "op.GatheredVmas",
                    "if (Addresses.isBelow(first.start(), start)) {",
                    "if (first.start() < start && (edit.counters.sealed == 0 || !hasSealed(edit, start, end))) {"),
            of(
                    "madvise stops at a hole",
                    RuleMutant.shown(1.3, 15, 2),
                    "syscall.AdviceWalk",
                    "                reached = vma.start();\n",
                    "                return result;\n"),
            of(
                    "mprotect looks for holes first",
                    RuleMutant.shown(1.3, 25, 1),
                    "syscall.Mprotect",
                    "        return protectEach(edit, start, end, wanted);\n",
                    """
                            for (VmArea at = first; Addresses.isBelow(at.end(), end); at = edit.at(at.end())) {
                                if (edit.at(at.end()) == null) {
                                    return Errno.ENOMEM.result();
                                }
                            }
                            return protectEach(edit, start, end, wanted);
                    """),
            of(
                    "mincore does not see the pages of a file in private mappings",
                    RuleMutant.shown(1.2, 4, 2),
                    "syscall.Mincore",
                    "return file != null && ",
                    "return file != null && vma.has(dev.samara.core.vma.VmaFlags.SHARED) && "),
            of(
                    "shared memory counts as data",
                    RuleMutant.shown(0.5, 1, 2),
                    "space.LayoutCounters",
                    "(VmaFlags.WRITE | VmaFlags.SHARED | VmaFlags.GROWSDOWN)) == VmaFlags.WRITE",
                    "(VmaFlags.WRITE | VmaFlags.GROWSDOWN)) == VmaFlags.WRITE"),
            of(
                    "memory that was never written stays charged without the right to write",
                    RuleMutant.shown(2.3, 5, 3),
                    "syscall.Mprotect",
                    "            flags &= ~VmaFlags.ACCOUNT;\n",
                    ""));
}
