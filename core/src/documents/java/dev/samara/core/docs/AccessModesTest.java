// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Checks in which modes the words that threads share are accessed. No execution reveals a missing mode, because x86 and
 * HotSpot provide a stronger order than the modes require.
 *
 * <p>The table lists the words of each class, with the accesses of each word that are weaker than volatile, in the form
 * of {@link SharedWords}. All other accesses of a word are volatile, or exchanges with the effect of volatile.
 */
final class AccessModesTest {
    private static final String TABLE = """
            AccessChecker: accesses, events, staleAccesses
            AddressSpace: layout
            Background: attended, isAtBound, isToTryAgain
            Backlog: isFull
            BorderSearch: crossings, failure
            BorrowPlace: current, isRemoved
            BorrowReferences: pageTable
            Borrower: isAsked, isOver, isReported
            Borrowers: places
            CacheLimit: resident
            CachedPages: counter, isClosed, mayReclaim, removals, size
            ChangeDelivery: accepted, isDraining, lost, taken
            ChargedPages: SINCE(getOpaque setOpaque)
            CommittedMemory: pool
            ContextSlot: context
            CpuCounters: WORD(getOpaque setOpaque)
            CpuOwner: isLost, thread(getAcquire setRelease)
            Cpus: online
            Timer: isCancelled
            DenyWriteExec: bits
            DirectFrames: INT, LONG, SHORT
            DirtyLimit: dirtied, isGiven, passed
            District: operations(getOpaque getPlain setOpaque)
            EditedRoot: era(getAcquire getPlain setRelease)
            Entry: isEnded
            EvictionCursor: isOutdated
            FileMode: bits
            FilePages: present
            FlatInts: BIG, LITTLE(getAcquire getOpaque setOpaque setRelease)
            FlatLongs: BIG, LITTLE(getAcquire getOpaque setOpaque setRelease)
            FlatShorts: LITTLE(getAcquire getOpaque setOpaque setRelease)
            FlushGeneration: generation
            FlushLog: REASON(getOpaque setOpaque), SEAL(getAcquire getOpaque setRelease), WORD(getOpaque setOpaque)
            Flushed: flushed(getAcquire setRelease)
            FramePin: released
            FramePool: quarantined
            FrameRecordWords: WORD(getAcquire getOpaque setOpaque setRelease)
            Frames: pins, unpins
            FutexEntry: bucket
            Gate: top(getAcquire)
            Given: isBegun
            HazardLazy: given
            History: added, numbers, ring
            HookedWrites: isGiven
            HostForces: changes, failures, folders, forced, own
            HostSize: overgrown
            Housekeeping: added, asker, isAsking, isLeft, isPolled, isUnattended, poller
            Identity: attachment, chargedPages(setOpaque), exit, hasWaited, isWithoutUsers, parts, references
            IdleCpus: isUsed, places
            IdlePlace: idle
            IndexBudget: used
            InodeState: channel, isWritable, rules
            LayoutListeners: deliveries
            LayoutLock: spinning(getOpaque setRelease)
            LayoutParts: isJoinAsked
            LayoutState: ages, brk, copyWaiters, isClosing, tree(getAcquire setRelease)
            Leaf: ENTRY(getAcquire getOpaque setOpaque setRelease)
            Link: isEntered, isUnlinked
            LoggedTruncation: next
            Loss: from, isScheduled
            Machine: cpus
            MachineBean: isRegistered
            MachineMemory: cacheNumbers
            MachineReports: hasReportedOutside
            MachineState: inodes, isClosed, made
            MappedPages: pages(getOpaque setOpaque), parts, peak(getOpaque)
            NoWaiting: isUsed
            Node: LEAF(getAcquire setRelease), WORD(setRelease)
            Notice: isStale
            Once: callback
            Open: shares
            OpenAdvice: readsAhead
            PageCaches: hasSealable, isFutile
            PageIndex: CHILD(getAcquire setRelease), FRAME(getAcquire setRelease), root
            PageTable: forking, isFreed, passing
            PageTableContexts: aside, idle, serviceNames
            PageTableCount: count
            PageTableRef: isClosed
            PartLookups: parts(getAcquire setRelease)
            PartRoots: joined
            Pending: pending(getOpaque)
            PendingNotices: count
            PolledGracePeriods: ends
            Privileges: held(getAcquire)
            PteOwners: gates
            PublishedLazy: kept(getOpaque setRelease)
            PublishedRoot: root(getAcquire getPlain setRelease)
            Rcu: ended
            Rcu.Reader: owner
            RcuReaders: readers
            ReaderWord: section(getPlain setRelease)
            ReadsUnderWay: writtenLast
            ReapLease: steppedNanos, victim
            ReapLeases: current, reaps
            Reaping: isSkipped, isUnstable
            RegisteredNotifiers: all
            ResidentPages: isDue, isInParts, peak(getOpaque), skipped(getOpaque setOpaque)
            ReverseMap: left, links, lookups, numbers, sole
            Seals: seals, writable
            SegmentLocks: bytes
            SegmentUse: word
            SharedAnonymous: content
            SharedSegment: isRemovedWithout, lock
            Shootdowns: count, targets
            SpaceCounters: counts
            SpaceEnd: isTaken
            SpaceReferences: isLeft, last
            SpaceUsers: word
            SpareWalk: idle
            SpinLock: locked
            State: word(setRelease)
            Stripe: stripe
            TableBudget: used
            TableCharge: most, tables
            TlbContext: LAST
            TruncationLog: last, walked
            UpperTable: CHILD(getAcquire)
            VmArea: anonVma(getAcquire), word(getAcquire getOpaque getPlain setPlain)
            VmaRef: released
            Waiter: next, thread
            WatchedRange: isClosed
            Watches: all
            """;

    private final SharedWords words = new SharedWords(classFiles());

    AccessModesTest() throws IOException {}

    private static List<Path> classFiles() {
        List<Path> files = new ArrayList<>();
        for (String module : List.of("maple", "core")) {
            files.addAll(Project.files(Project.module(module).resolve("target/classes"), ".class"));
        }
        return files;
    }

    /** Returns a line for each class: the names of its words, each followed by its weak accesses in brackets. */
    private String found() {
        Map<String, Set<String>> types = new TreeMap<>();
        words.weak().forEach((word, weak) -> {
            int dot = word.indexOf('.');
            types.computeIfAbsent(word.substring(0, dot), any -> new TreeSet<>())
                    .add(word.substring(dot + 1) + (weak.isEmpty() ? "" : "(" + String.join(" ", weak) + ")"));
        });
        StringBuilder lines = new StringBuilder();
        types.forEach((type, all) ->
                lines.append(type).append(": ").append(String.join(", ", all)).append('\n'));
        return lines.toString();
    }

    @Test
    @DisplayName("each volatile field, VarHandle and atomic is accessed in the modes of the table")
    void modes() {
        assertEquals(TABLE, found());
    }

    @Test
    @DisplayName("the word of each access is known: no handle and no atomic is passed on")
    void untraced() {
        assertEquals(Set.of(), words.untraced());
    }
}
