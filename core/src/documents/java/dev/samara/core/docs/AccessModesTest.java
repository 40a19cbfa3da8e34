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
 * <p>The table lists the words of each class, with all accesses of each word, in the form of {@link SharedWords}. So it
 * also changes if a read and a store replace a compare-and-set.
 */
final class AccessModesTest {
    /** So that a line of the table has 120 columns at most. */
    private static final int COLUMNS = 108;

    private static final String TABLE = """
            AccessChecker: accesses(increment sum), events(), staleAccesses(increment sum)
            AccessChecker.History: added(getAndIncrement), numbers(incrementAndGet), ring(get set)
            AddressSpace: layout(getVolatile setVolatile)
            Background: attended(getVolatile setVolatile), isAtBound(getVolatile setVolatile), isToTryAgain(getVolatile
                setVolatile)
            Background.Timer: isCancelled(getVolatile setVolatile)
            BorderSearch: crossings(getVolatile setVolatile), failure(getVolatile setVolatile)
            BorrowedSpace.BorrowReferences: pageTable(getVolatile setVolatile)
            Borrowers: places(getVolatile setVolatile)
            Borrowers.BorrowPlace: current(getVolatile setVolatile), isRemoved(getVolatile setVolatile)
            Borrowers.Borrower: isAsked(compareAndSet get set), isOver(getVolatile setVolatile),
                isReported(compareAndSet)
            CallNotice: isPosted(getVolatile setVolatile), kept(get getAndDecrement getAndIncrement)
            CheckpointLog: older(getVolatile setVolatile)
            CommittedMemory: pool(addAndGet compareAndSet get)
            CommittedMemory.Stripe: stripe(compareAndSet get getAndSet set)
            CpuCounters: WORD(getOpaque setOpaque)
            CpuOwner: isIdle(getAcquire setRelease), isLost(getVolatile setVolatile), thread(compareAndSet getAcquire
                getPlain setRelease)
            CpuTlb: activities(getOpaque getPlain setPlain)
            CpuWords.Flushed: flushed(getAcquire setRelease)
            CpuWords.Pending: pending(getOpaque setVolatile)
            CpuWords.State: word(getVolatile setRelease setVolatile)
            Cpus: online(getVolatile setVolatile)
            DirectFrames: INT(compareAndExchange getVolatile setVolatile), LONG(compareAndExchange getVolatile
                setVolatile), SHORT(getVolatile setVolatile)
            District: operations(getOpaque getPlain setOpaque)
            Districts: parts(getAcquire setRelease)
            Districts.LayoutParts: isJoinAsked(getVolatile setVolatile)
            Eviction.CachedBytes: batches(get getAndDecrement getAndIncrement), ended(get getAndIncrement), leaving(get
                getAndAdd), resident(get getAndAdd), waiting(getVolatile setVolatile)
            Eviction.Cursor: isOutdated(getVolatile setVolatile)
            Eviction.SpareBatches: idle(compareAndSet getAndSet)
            FilePages: present(compareAndSet getVolatile)
            FilePages.CachedPages: isClosed(getVolatile setVolatile), mayReclaim(getVolatile setVolatile),
                removals(getVolatile setVolatile), size(getVolatile setVolatile), writtenLast(getVolatile setVolatile)
            FilePages.LoggedTruncation: next(getVolatile setVolatile)
            FilePages.SegmentUse: word(compareAndSet get getAndAdd)
            FlatMemory: BIG_INTS(getAndAdd), BIG_LONGS(getAndAdd), LITTLE_INTS(compareAndExchange compareAndSet
                getAcquire getAndAdd getAndBitwiseAnd getAndBitwiseOr getAndBitwiseXor getAndSet getOpaque getVolatile
                setOpaque setRelease setVolatile), LITTLE_LONGS(compareAndExchange compareAndSet getAcquire getAndAdd
                getAndBitwiseAnd getAndBitwiseOr getAndBitwiseXor getAndSet getOpaque getVolatile setOpaque setRelease
                setVolatile), LITTLE_SHORTS(getAcquire getOpaque getVolatile setOpaque setRelease setVolatile)
            FramePin: released(compareAndSet getVolatile)
            Frames: WORD(compareAndSet getAcquire getAndAdd getAndBitwiseAnd getAndBitwiseOr getOpaque getVolatile
                setOpaque setRelease), pins(get getAndIncrement), quarantined(get getAndIncrement), unpins(get
                getAndIncrement)
            FutexBuckets.QueuedWaiter: bucket(getVolatile setVolatile)
            Gate: top(compareAndSet getAcquire getAndSet)
            Gate.Waiter: next(getVolatile setVolatile), thread(getAndSet getVolatile)
            HostFiles.BackgroundWrites: dirtied(get getAndAdd), isGiven(compareAndSet get set), passed(getVolatile
                setVolatile)
            HostFiles.CacheLimit: evicting(get getAndDecrement getAndIncrement), futile(incrementAndGet set),
                next(getVolatile setVolatile)
            HostFiles.Visits: left(decrementAndGet), next(getAndIncrement), thrown(compareAndSet get)
            HostInode: channel(getVolatile setVolatile), isWritable(getVolatile setVolatile), overgrown(getVolatile
                setVolatile), rules(getVolatile setVolatile)
            HostInode.PageWrites: changes(get getAndIncrement incrementAndGet), failures(getVolatile setVolatile),
                folders(compareAndSet get updateAndGet), forced(getVolatile setVolatile), isGiven(compareAndSet set),
                own(accumulateAndGet get)
            Housekeeping: added(compareAndSet get getAndSet), asker(getVolatile setVolatile), isAsking(compareAndSet
                set), isLeft(getVolatile setVolatile), isPolled(compareAndSet set), poller(getVolatile setVolatile)
            Identity: attachment(getVolatile setVolatile), chargedPages(get setOpaque), exit(getVolatile setVolatile),
                hasWaited(getVolatile setVolatile), isWithoutUsers(getVolatile setVolatile), mappedPages(getOpaque
                setOpaque), parts(getVolatile setVolatile), peak(compareAndSet getOpaque), references(compareAndSet
                decrementAndGet get)
            Identity.ChargedPages: SINCE(getOpaque setOpaque)
            IdleCpus: places(compareAndSet get), reached(get updateAndGet)
            IdleCpus.IdlePlace: idle(compareAndSet get set)
            Layout: ages(incrementAndGet), brk(getVolatile setVolatile), copyWaiters(get getAndDecrement
                getAndIncrement), isClosing(getVolatile setVolatile), isReapSkipped(getVolatile setVolatile),
                isUnstable(getVolatile setVolatile), keptOpens(getVolatile setVolatile), mdwe(getVolatile setVolatile),
                notifiers(getVolatile setVolatile), tree(getAcquire setRelease)
            LayoutListeners: deliveries(getVolatile setVolatile)
            LayoutListeners.ChangeDelivery: accepted(compareAndSet get), isDraining(compareAndSet set), lost(get
                getAndIncrement), taken(get set)
            LayoutListeners.ChangeDelivery.Loss: from(compareAndSet get getAndSet), isScheduled(compareAndSet set)
            LayoutLock: spinning(compareAndSet getOpaque setRelease)
            LazyContext.Hazard: given(compareAndSet getAndSet getVolatile)
            LazyContext.Published: kept(compareAndSet getOpaque getVolatile setRelease setVolatile)
            LeafNode: WORD(setRelease)
            Lifetime: isTaken(compareAndSet set)
            Limits.Privileges: held(getAcquire getAndBitwiseAnd getAndBitwiseOr)
            LowMemory: current(compareAndSet get), reaps(get incrementAndGet)
            LowMemory.BackgroundReap: steppedNanos(getVolatile setVolatile)
            LowMemory.ReapLease: reap(getVolatile setVolatile)
            Machine: cpus(incrementAndGet)
            MachineBean: isRegistered(getAndSet)
            MachineMemory: cacheNumbers(incrementAndGet set)
            MachineMemory.IndexBudget: used(addAndGet get)
            MachineState: inodes(incrementAndGet), isClosed(getVolatile setVolatile), made(get getAndSet set)
            MachineTasks.Given: isBegun(compareAndSet)
            MachineThreads: hasReportedOutside(getAndSet)
            MapleTree: era(getAcquire getPlain setRelease)
            Node: LEAF(getAcquire setRelease)
            PageCaches: hasSealable(getVolatile setVolatile), isFutile(getVolatile setVolatile)
            PageIndex: CHILD(getAcquire setRelease), FRAME(getAcquire setRelease), root(getVolatile setVolatile)
            PageTable: CHILD(compareAndSet getAcquire setVolatile), epoch(getAcquire setVolatile), forking(getVolatile
                setVolatile), isDue(getVolatile setVolatile), isFreed(getVolatile setVolatile), isInParts(getVolatile
                setVolatile), log(getVolatile setVolatile), mostBytes(getVolatile setVolatile), passing(get
                getAndDecrement getAndIncrement), peak(compareAndSet getOpaque), pins(get getAndAdd), skipped(getOpaque
                setOpaque), tables(compareAndSet get getAndAdd getAndIncrement)
            PageTable.Leaf: ENTRY(compareAndSet getAcquire getAndAdd getAndBitwiseOr getAndSet getOpaque getVolatile
                setOpaque setRelease)
            PageTable.Notice: isStale(getVolatile setVolatile), next(getVolatile setVolatile)
            PageTable.TableBudget: used(addAndGet compareAndSet get)
            PageTableContexts: gates(compareAndExchange get getAndSet), serviceNames(incrementAndGet)
            PageTableContexts.Slot: context(compareAndSet get getAndSet)
            PageTableRef: isClosed(getVolatile setVolatile)
            PublishedRoot: root(getAcquire getPlain getVolatile setRelease)
            Rcu: ended(increment sum), isFull(getVolatile setVolatile), readers(getVolatile setVolatile)
            Rcu.NoWaiting: isUsed(getVolatile setVolatile)
            Rcu.Once: callback(getAndSet)
            Rcu.Reader: owner(getVolatile setVolatile)
            Rcu.ReaderWord: section(getPlain getVolatile setRelease setVolatile)
            ReverseMap: left(compareAndSet getAndSet getVolatile), links(compareAndSet getVolatile),
                lookups(compareAndSet getVolatile), numbers(getAndAdd), sole(compareAndSet getVolatile)
            ReverseMap.Link: isEntered(getVolatile setVolatile), isUnlinked(getVolatile setVolatile)
            Seals: mode(getVolatile setVolatile), seals(getVolatile setVolatile), writable(compareAndSet getAndAdd
                getVolatile)
            SegmentLocks: bytes(get getAndAdd)
            SharedAnonymous: content(getVolatile setVolatile)
            SharedSegment: isRemovedWithout(getVolatile setVolatile), lock(compareAndSet get getAndSet)
            Shootdowns: count(increment sum), targets(add sum)
            Snapshot.PartRoots: joined(getVolatile setVolatile)
            SpaceReferences: isLeft(getVolatile setVolatile), last(incrementAndGet)
            SpaceReferences.Entry: isEnded(compareAndSet get)
            SpinLock: locked(getAndSet set)
            TlbContext: LAST(incrementAndGet updateAndGet), SEAL(compareAndSet getAcquire getOpaque getVolatile
                setRelease), WORD(getOpaque setOpaque), counts(get getAndAdd getAndIncrement), generation(getAndAdd
                getVolatile), holds(compareAndSet decrementAndGet get getAndIncrement), notice(getVolatile setVolatile),
                noticed(getVolatile setVolatile), users(addAndGet compareAndSet get)
            TlbContext.CutNotice: generation(getVolatile setVolatile)
            Truncation: last(getVolatile setVolatile), walked(getVolatile setVolatile)
            Truncation.InodeLock: owner(getVolatile setVolatile)
            ViewPins: copies(get getAndIncrement), viewed(getAndDecrement incrementAndGet),
                viewedOfFiles(getAndDecrement incrementAndGet)
            ViewPins.Pinned: released(compareAndSet)
            ViewedPage: isClosed(getVolatile setVolatile)
            VmArea: anonVma(compareAndSet getAcquire), word(compareAndExchange getAcquire getAndBitwiseAnd
                getAndBitwiseOr getOpaque getPlain getVolatile setPlain)
            VmArea.Open: shares(compareAndSet getVolatile)
            VmaRef: released(compareAndSet getVolatile)
            Watches: all(getVolatile setVolatile)
            Watches.WatchedRange: isClosed(getVolatile setVolatile)
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

    /** Returns the words of each class with the accesses to each, in the form of the table. */
    private Map<String, String> found() {
        Map<String, Set<String>> types = new TreeMap<>();
        words.accesses().forEach((word, accesses) -> {
            int dot = word.lastIndexOf('.');
            types.computeIfAbsent(word.substring(0, dot), any -> new TreeSet<>())
                    .add(word.substring(dot + 1) + '(' + String.join(" ", accesses) + ')');
        });
        Map<String, String> rows = new TreeMap<>();
        types.forEach((type, all) -> rows.put(type, row(type, all)));
        return rows;
    }

    /** Returns a line, and the indented lines that continue it. */
    private static String row(String type, Set<String> all) {
        StringBuilder row = new StringBuilder();
        StringBuilder line = new StringBuilder(type + ':');
        for (String part : String.join(", ", all).split(" ", -1)) {
            if (line.length() + 1 + part.length() > COLUMNS) {
                row.append(line).append('\n');
                line.setLength(0);
                line.append("   ");
            }
            line.append(' ').append(part);
        }
        return row.append(line).append('\n').toString();
    }

    private static Map<String, String> expected() {
        Map<String, String> rows = new TreeMap<>();
        for (String row : TABLE.split("\n(?=\\S)", -1)) {
            rows.put(row.substring(0, row.indexOf(':')), row.strip() + '\n');
        }
        return rows;
    }

    /** Returns the rows that another table does not have, so that a difference is shown without what is the same. */
    private static String without(Map<String, String> other, Map<String, String> rows) {
        StringBuilder only = new StringBuilder();
        rows.forEach((type, row) -> only.append(row.equals(other.get(type)) ? "" : row));
        return only.toString();
    }

    @Test
    @DisplayName("each volatile field, VarHandle and atomic is accessed in the modes of the table")
    void modes() {
        Map<String, String> expected = expected();
        Map<String, String> found = found();
        assertEquals(without(found, expected), without(expected, found));
    }

    @Test
    @DisplayName("the word of each access is known: no handle and no atomic is passed on")
    void untraced() {
        assertEquals(Set.of(), words.untraced());
    }
}
