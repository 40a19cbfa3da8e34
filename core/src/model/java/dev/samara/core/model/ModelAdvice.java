// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/** The effect of each advice on one VMA of a model space. */
final class ModelAdvice {
    private ModelAdvice() {}

    static boolean isKnown(int advice) {
        return (advice >= Mman.NORMAL && advice <= Mman.DONTNEED)
                || (advice >= Mman.FREE && advice <= Mman.COLLAPSE)
                || advice == Mman.GUARD_INSTALL
                || advice == Mman.GUARD_REMOVE;
    }

    /** Applies an advice to a part of one VMA. */
    static long apply(ModelSpace space, int from, int to, int advice) {
        Page page = space.pages.at(from);
        if (page.has(VmaFlags.SEALED) && discards(advice) && page.isAnonymous() && !page.has(VmaFlags.WRITE)) {
            return Errno.EPERM.result();
        }
        Errno refusal = refusal(page, advice);
        if (refusal != null) {
            return refusal.result();
        }
        if (advice == Mman.GUARD_INSTALL) {
            guard(space.pages, from);
            return 0;
        }
        long flags = flags(page, advice);
        long result = flags == page.flags() ? 0 : space.modify(from, to, flags);
        return result == Errno.ENOMEM.result() ? Errno.EAGAIN.result() : result;
    }

    /** Marks the whole VMA as one that may contain guard markers; memory without an identity gets one for them. */
    private static void guard(Pages pages, int at) {
        int start = pages.startOf(at);
        int end = pages.endOf(at);
        Page page = pages.at(start);
        if (page.isAnonymous() && page.identity() == null) {
            AnonVma lent = null;
            if (pages.isMapped(end) && wouldContinue(pages.at(end - 1), pages.at(end))) {
                lent = lendable(pages.at(end));
            }
            if (lent == null && pages.isMapped(start - 1) && wouldContinue(pages.at(start - 1), page)) {
                lent = lendable(pages.at(start - 1));
            }
            pages.setIdentity(start, end, lent != null ? lent : AnonVma.fresh());
        }
        pages.setFlags(start, end, page.flags() | VmaFlags.MAYBE_GUARD);
    }

    /** Returns whether two pages could belong to one VMA if their rights and identities were ignored. */
    private static boolean wouldContinue(Page page, Page next) {
        return page.sameFlags(next, VmaFlags.ACCESS | Page.STICKY)
                && page.backing() == next.backing()
                && page.offset() + 1 == next.offset();
    }

    private static @Nullable AnonVma lendable(Page page) {
        AnonVma identity = page.identity();
        return identity == null || identity.inherited ? null : identity;
    }

    private static boolean discards(int advice) {
        return switch (advice) {
            case Mman.FREE,
                    Mman.DONTNEED,
                    Mman.DONTNEED_LOCKED,
                    Mman.REMOVE,
                    Mman.DONTFORK,
                    Mman.WIPEONFORK,
                    Mman.GUARD_INSTALL -> true;
            default -> false;
        };
    }

    private static @Nullable Errno refusal(Page page, int advice) {
        boolean locked = page.has(VmaFlags.LOCKED);
        boolean frames = page.hasAny(VmaFlags.PFNMAP);
        boolean special = page.hasAny(VmaFlags.SPECIAL);
        boolean droppable = page.has(VmaFlags.DROPPABLE);
        boolean unreachable = page.hasAny(VmaFlags.IO | VmaFlags.PFNMAP);
        boolean invalid = switch (advice) {
            case Mman.DONTNEED, Mman.COLD, Mman.PAGEOUT -> locked || frames;
            case Mman.DONTNEED_LOCKED -> frames;
            case Mman.FREE -> locked || frames || !page.isAnonymous();
            case Mman.REMOVE -> locked || page.backing() == null;
            case Mman.DOFORK -> page.has(VmaFlags.IO);
            case Mman.COLLAPSE -> true;
            case Mman.WIPEONFORK -> page.backing() != null || page.has(VmaFlags.SHARED);
            case Mman.KEEPONFORK -> droppable;
            case Mman.DODUMP -> special || droppable;
            case Mman.GUARD_INSTALL -> special || locked;
            case Mman.GUARD_REMOVE -> special;
            case Mman.POPULATE_READ -> unreachable || !page.has(VmaFlags.READ);
            case Mman.POPULATE_WRITE -> unreachable || !page.has(VmaFlags.WRITE);
            default -> false;
        };
        if (invalid) {
            return Errno.EINVAL;
        }
        boolean refused = advice == Mman.REMOVE && !page.has(VmaFlags.SHARED | VmaFlags.MAYWRITE);
        return refused ? Errno.EACCES : null;
    }

    private static long flags(Page page, int advice) {
        long flags = page.flags();
        long reading = VmaFlags.SEQ_READ | VmaFlags.RAND_READ;
        long huge = VmaFlags.HUGEPAGE | VmaFlags.NOHUGEPAGE;
        boolean cannotMerge = page.hasAny(
                VmaFlags.SHARED | VmaFlags.MAYSHARE | VmaFlags.SPECIAL | VmaFlags.HUGETLB | VmaFlags.DROPPABLE);
        return switch (advice) {
            case Mman.NORMAL -> flags & ~reading;
            case Mman.SEQUENTIAL -> (flags & ~reading) | VmaFlags.SEQ_READ;
            case Mman.RANDOM -> (flags & ~reading) | VmaFlags.RAND_READ;
            case Mman.DONTFORK -> flags | VmaFlags.DONTCOPY;
            case Mman.DOFORK -> flags & ~VmaFlags.DONTCOPY;
            case Mman.WIPEONFORK -> flags | VmaFlags.WIPEONFORK;
            case Mman.KEEPONFORK -> flags & ~VmaFlags.WIPEONFORK;
            case Mman.DONTDUMP -> flags | VmaFlags.DONTDUMP;
            case Mman.DODUMP -> flags & ~VmaFlags.DONTDUMP;
            case Mman.MERGEABLE -> cannotMerge ? flags : flags | VmaFlags.MERGEABLE;
            case Mman.UNMERGEABLE -> flags & ~VmaFlags.MERGEABLE;
            case Mman.HUGEPAGE -> (flags & ~huge) | VmaFlags.HUGEPAGE;
            case Mman.NOHUGEPAGE -> (flags & ~huge) | VmaFlags.NOHUGEPAGE;
            default -> flags;
        };
    }
}
