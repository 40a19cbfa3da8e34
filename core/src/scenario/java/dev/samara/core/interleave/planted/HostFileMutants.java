// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.Plantings;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Mutants of the write-back, the eviction and the reads of host files. */
@SuppressWarnings("StringConcatToTextBlock") // parts of lines
final class HostFileMutants {
    private static final String CORE = "dev.samara.core.internal.";

    private HostFileMutants() {}

    private static Planting in(String className, String... texts) {
        return SourceMutant.of(CORE + className, texts);
    }

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "the mark of a page is cleared after its write",
                    HostFileScenarios.SavedBesideWrites.class,
                    1,
                    PlantedMutant.found(11, "51"),
                    in(
                            "file.WriteBackBatch",
                            "isDirty[i] = frames.clearDirty(taken[i]);",
                            "isDirty[i] = frames.isDirty(taken[i]);",
                            "            frames.unpin(taken[--pinned]);\n",
                            "frames.unpin(taken[--pinned]);"
                                    + " if (!isDirty[pinned]) { frames.clearDirty(taken[pinned]); }")),
            PlantedMutant.of(
                    "the bytes of a page are copied before its entries are clean",
                    HostFileScenarios.SavedBesideStores.class,
                    1,
                    PlantedMutant.found(1, "78"),
                    in(
                            "file.WriteBack",
                            "            batch.clean(mappings);\n            batch.copy(buffer);",
                            "batch.copy(buffer); batch.clean(mappings);")),
            PlantedMutant.of(
                    "a truncation does not wait for the write-back",
                    HostFileScenarios.SavedBesideTruncation.class,
                    1,
                    PlantedMutant.found(19, "125"),
                    in(
                            "hostfile.InodeState",
                            "        boolean isDone = false;\n        writeBack.lock();",
                            "boolean isDone = false;",
                            "            try {\n                writeBack.unlock();",
                            "try {")),
            PlantedMutant.of(
                    "periodic writes end though a file was opened meanwhile",
                    PeriodicScenarios.OpenBesideLastRound.class,
                    1,
                    PlantedMutant.found(6, "80"),
                    in("hostfile.PeriodicWrites", "if (areSomeWritable.getAsBoolean()) {", "if (tasks == null) {")),
            PlantedMutant.of(
                    "a save does not wait for the periodic write of its page",
                    PeriodicScenarios.SavedBesideRound.class,
                    1,
                    PlantedMutant.found(121, "161"),
                    in(
                            "hostfile.PageWrites",
                            "        inode.writeBackLock().lock();\n",
                            "if (!inode.writeBackLock().tryLock()) { return 0; }\n")),
            PlantedMutant.of(
                    "an error is told by each save",
                    HostFileScenarios.TwoOpensOfFailedWrite.class,
                    1,
                    PlantedMutant.found(1, "138"),
                    in("hostfile.ErrorSequence", "                seen = count;\n", "")),
            PlantedMutant.of(
                    "an error is told to one open only",
                    HostFileScenarios.TwoOpensOfFailedForce.class,
                    1,
                    PlantedMutant.found(1, "158"),
                    in("hostfile.ErrorSequence", "if (seen == count) {", "if (seen == count || isTold) {")),
            PlantedMutant.of(
                    "an eviction does not look again at a page that it has unmapped",
                    EvictionScenarios.EvictionBesideStore.class,
                    1,
                    PlantedMutant.found(189, "421"),
                    in("file.EvictionBatch", "isLocked[i] || isInUse(taken[i]) ||", "isLocked[i] ||")),
            PlantedMutant.of(
                    "an eviction unmaps a page that was locked since the lookup of its mapping",
                    EvictionScenarios.EvictionBesideLock.class,
                    1,
                    PlantedMutant.found(150, "339"),
                    in("file.Eviction", "if (!link().vma().isDetached()) {", "if (walked != null) {")),
            PlantedMutant.of(
                    "an eviction looks before the claim whether a page is locked",
                    EvictionScenarios.EvictionBesideLock.class,
                    1,
                    PlantedMutant.found(150, "339"),
                    in(
                            "file.Eviction",
                            "if (vma.has(VmaFlags.LOCKED)) {",
                            "if (vma.has(VmaFlags.LOCKED) || vma.isDetached()) {",
                            "if (!link().vma().isDetached()) {",
                            "if (walked != null) {")),
            PlantedMutant.of(
                    "an eviction frees a page that was locked since the lookup of its mapping",
                    EvictionScenarios.EvictionBesideLock.class,
                    1,
                    PlantedMutant.found(150, "339"),
                    in("file.EvictionBatch", "areAll || isLocked[i] || isInUse(", "areAll || isInUse(")),
            PlantedMutant.of(
                    "a page is inserted that an eviction puts back",
                    EvictionScenarios.EvictionInVainBesideLoad.class,
                    1,
                    PlantedMutant.found(24, "287"),
                    in("file.ReadPages", " && !out.contains(page)) {", ") {")),
            PlantedMutant.of(
                    "a read past the cache has the host's bytes of a page that an eviction puts back",
                    EvictionScenarios.EvictionInVainBesideRead.class,
                    1,
                    PlantedMutant.found(46, "198"),
                    in("file.ReadPages", "out.atOrAfter(first) - first", "most")),
            PlantedMutant.of(
                    "a read past the cache has a page that was written during it",
                    HostFileScenarios.UncachedReadBesideWrites.class,
                    1,
                    PlantedMutant.found(10, "309"),
                    in("file.ReadPages", "read.firstStale() - read.page()", "read.count()")),
            PlantedMutant.of(
                    "a page is inserted that was read before it was written past the cache",
                    DirectWriteScenarios.DirectWriteBesideLoad.class,
                    1,
                    PlantedMutant.found(6, "78"),
                    in("file.ReadPages", "cached.reads().beginWrite(first, first + count - 1);", "")),
            PlantedMutant.of(
                    "a write past the cache ends, and makes the file larger then",
                    DirectWriteScenarios.DirectWriteOverEndBesideLoad.class,
                    1,
                    PlantedMutant.found(9, "121"),
                    in(
                            "hostfile.UncachedWrites",
                            "grow(offset + source.position() - start, source.position() > start);\n",
                            "",
                            "                saved.endWrite();\n",
                            "saved.endWrite();"
                                    + " grow(offset + source.position() - start, source.position() > start);")),
            PlantedMutant.of(
                    "a page is read up to an end that the file had before the read began",
                    DirectWriteScenarios.DirectWriteOverEndBesideLoad.class,
                    1,
                    PlantedMutant.found(9, "121"),
                    in("hostfile.PageReads", "if (wanted(start, count) != wanted) {", "if (false) {")),
            PlantedMutant.of(
                    "a write past the cache leaves out the page that an eviction puts back",
                    DirectWriteScenarios.DirectWriteBesideEvictionInVain.class,
                    1,
                    PlantedMutant.found(46, "81"),
                    in("file.ReadPages", "out.atOrAfter(first) - first", "most")),
            PlantedMutant.of(
                    "two evictions have one walk",
                    EvictionScenarios.TwoEvictions.class,
                    1,
                    PlantedMutant.found(6, "82"),
                    in("file.SpareWalk", "idle.getAndSet(null)", "idle.get()")),
            PlantedMutant.of(
                    "a page is inserted that was read before a truncation",
                    HostFileScenarios.ReadBesideTruncation.class,
                    1,
                    PlantedMutant.found(90, "645"),
                    in(
                            "hostfile.PageReads",
                            "        inode.invalidateLock().lockShared();\n",
                            "",
                            "            inode.invalidateLock().unlockShared();\n",
                            "",
                            "ReadsUnderWay.PageRead read = pages.beginRead(page, used);",
                            "if (!fill(arrays, used, start, wanted)) { return SHORT; }"
                                    + " ReadsUnderWay.PageRead read = pages.beginRead(page, used);",
                            "(!fill(arrays, used, start, wanted)) {\n",
                            "(used < 0) {\n")),
            PlantedMutant.of(
                    "a read goes beyond the end of the file",
                    HostFileScenarios.ReadToTheEnd.class,
                    1,
                    PlantedMutant.found(1, "249"),
                    in(
                            "hostfile.PageReads",
                            "Math.min((long) count << pageShift, pages.size() - start)",
                            "(long) count << pageShift")),
            PlantedMutant.of(
                    "a move forgets that a page was written",
                    HostFileScenarios.SavedBesideMove.class,
                    1,
                    PlantedMutant.found(39, "234"),
                    Plantings.withoutCall(CORE + "op.MovePages", "takeWritten", "setDirty", 0)),
            PlantedMutant.of(
                    "a force that fails leaves the pages clean",
                    HostFileScenarios.TwoOpensOfFailedForce.class,
                    1,
                    PlantedMutant.found(1, "124"),
                    in(
                            "hostfile.HostForces",
                            "            covered.setDirty(pages);\n            written.setDirty(pages);\n",
                            "",
                            "            forced = counted;\n",
                            "",
                            "        takeWritten();\n        long failed",
                            "forced = counted; takeWritten();\n        long failed")),
            PlantedMutant.of(
                    "a save returns 0 whose force has failed, since another one was told",
                    HostFaultScenarios.TwoSaves.class,
                    1,
                    PlantedMutant.found(7, "212"),
                    in("hostfile.HostForces", "return failures == failuresBefore ? 0 : failure;", "return 0;")),
            PlantedMutant.of(
                    "a page is copied again after a hook has seen it",
                    HookScenarios.SaveBeforeLog.class,
                    1,
                    PlantedMutant.found(11, "40"),
                    in(
                            "file.WriteBackBatch",
                            "isHeld[i] = !writer.mayWrite(cached.startOf(pages[i]), buffer);\n",
                            "isHeld[i] = !writer.mayWrite(cached.startOf(pages[i]), buffer);"
                                    + " frames.store().read(taken[i], 0, buffer, at, length(i));\n")),
            PlantedMutant.of(
                    "a page is inserted before its hook accepts it",
                    HookScenarios.LoadsOfRefusedPage.class,
                    1,
                    PlantedMutant.found(1, "1363"),
                    in(
                            "hostfile.PageReads",
                            "boolean areAccepted = of == null || areAccepted(of, arrays.fresh, used, start, wanted);",
                            "int[] known = arrays.fresh.clone();"
                                    + " int inserted = saved.insertRead(read, arrays.fresh, isScan);",
                            "return areAccepted ? saved.insertRead(read, arrays.fresh, isScan) : UNREADABLE;",
                            "return of == null || areAccepted(of, known, used, start, wanted)"
                                    + " ? inserted : UNREADABLE;")),
            PlantedMutant.of(
                    "an open that takes a lock shares the section with others",
                    LockScenarios.ExclusiveLockBesideOpen.class,
                    1,
                    PlantedMutant.found(15, "151"),
                    in(
                            "hostfile.ProcessFiles",
                            "        SECTION.lock();\n        try {\n            return call.call();\n"
                                    + "        } finally {\n            SECTION.unlock();\n",
                            "SECTION.lockShared(); try { return call.call(); } finally { SECTION.unlockShared();\n")),
            PlantedMutant.of(
                    "a file is counted off before its channels are closed, in no section",
                    LockScenarios.SharedLockBesideOpen.class,
                    1,
                    PlantedMutant.found(82, "151"),
                    in(
                            "hostfile.ProcessFiles",
                            "close(Object key, List<HostChannel> channels) {\n",
                            "close(Object key, List<HostChannel> channels) {"
                                    + " if (key != null) { closed(key); return closeAll(channels); }\n")),
            PlantedMutant.of(
                    "the last close of a file does not look for an open meanwhile",
                    HostFileScenarios.LastCloseBesideOpen.class,
                    1,
                    PlantedMutant.found(1735, "3303"),
                    in("hostfile.InodeTable", "use.opens > 0 ? List.of() : remove(inode)", "remove(inode)")));
}
