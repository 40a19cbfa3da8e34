// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/** The effect of each advice on one VMA of a model space. */
final class ModelAdvice {
    private ModelAdvice() {}

    static boolean isKnown(int advice) {
        return (advice >= Advice.NORMAL && advice <= Advice.DONTNEED)
                || (advice >= Advice.FREE && advice <= Advice.COLLAPSE)
                || advice == Advice.GUARD_INSTALL
                || advice == Advice.GUARD_REMOVE;
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
        if (advice == Advice.GUARD_INSTALL) {
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
        return identity == null || identity.isInherited() ? null : identity;
    }

    private static boolean discards(int advice) {
        return switch (advice) {
            case Advice.FREE,
                    Advice.DONTNEED,
                    Advice.DONTNEED_LOCKED,
                    Advice.REMOVE,
                    Advice.DONTFORK,
                    Advice.WIPEONFORK,
                    Advice.GUARD_INSTALL -> true;
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
            case Advice.DONTNEED, Advice.COLD, Advice.PAGEOUT -> locked || frames;
            case Advice.DONTNEED_LOCKED -> frames;
            case Advice.FREE -> locked || frames || !page.isAnonymous();
            case Advice.REMOVE -> locked || page.backing() == null;
            case Advice.DOFORK -> page.has(VmaFlags.IO);
            case Advice.COLLAPSE -> true;
            case Advice.WIPEONFORK -> page.backing() != null || page.has(VmaFlags.SHARED);
            case Advice.KEEPONFORK -> droppable;
            case Advice.DODUMP -> special || droppable;
            case Advice.GUARD_INSTALL -> special || locked;
            case Advice.GUARD_REMOVE -> special;
            case Advice.POPULATE_READ -> unreachable || !page.has(VmaFlags.READ);
            case Advice.POPULATE_WRITE -> unreachable || !page.has(VmaFlags.WRITE);
            default -> false;
        };
        if (invalid) {
            return Errno.EINVAL;
        }
        boolean refused = advice == Advice.REMOVE && !page.has(VmaFlags.SHARED | VmaFlags.MAYWRITE);
        return refused ? Errno.EACCES : null;
    }

    private static long flags(Page page, int advice) {
        long flags = page.flags();
        long reading = VmaFlags.SEQ_READ | VmaFlags.RAND_READ;
        long huge = VmaFlags.HUGEPAGE | VmaFlags.NOHUGEPAGE;
        boolean cannotMerge = page.hasAny(
                VmaFlags.SHARED | VmaFlags.MAYSHARE | VmaFlags.SPECIAL | VmaFlags.HUGETLB | VmaFlags.DROPPABLE);
        return switch (advice) {
            case Advice.NORMAL -> flags & ~reading;
            case Advice.SEQUENTIAL -> (flags & ~reading) | VmaFlags.SEQ_READ;
            case Advice.RANDOM -> (flags & ~reading) | VmaFlags.RAND_READ;
            case Advice.DONTFORK -> flags | VmaFlags.DONTCOPY;
            case Advice.DOFORK -> flags & ~VmaFlags.DONTCOPY;
            case Advice.WIPEONFORK -> flags | VmaFlags.WIPEONFORK;
            case Advice.KEEPONFORK -> flags & ~VmaFlags.WIPEONFORK;
            case Advice.DONTDUMP -> flags | VmaFlags.DONTDUMP;
            case Advice.DODUMP -> flags & ~VmaFlags.DONTDUMP;
            case Advice.MERGEABLE -> cannotMerge ? flags : flags | VmaFlags.MERGEABLE;
            case Advice.UNMERGEABLE -> flags & ~VmaFlags.MERGEABLE;
            case Advice.HUGEPAGE -> (flags & ~huge) | VmaFlags.HUGEPAGE;
            case Advice.NOHUGEPAGE -> (flags & ~huge) | VmaFlags.NOHUGEPAGE;
            default -> flags;
        };
    }
}
