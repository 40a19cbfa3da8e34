// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.interleave.pair.PairKinds.Call;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.GroundFile;
import dev.samara.core.interleave.scenario.HostGroundFile;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.mman.Mman;

/** The operations on the mapped file. */
final class FileKinds {
    private static final long PAGE = SpaceScenario.PAGE;

    private FileKinds() {}

    static void addTo() {
        PairKinds.endsOn(Ground::hasFile, "truncate", call -> {
            call.file().truncate(call.offset());
            return "truncated";
        });
        PairKinds.on(Ground::hasFile, "punch", call -> {
            call.file().punch(call.offset(), call.length());
            return "punched";
        });
        PairKinds.givesOn(Ground::hasFile, "pwrite", call -> call.file().pwrite(GroundFile.bytes(0x5d), call.offset()));
        PairKinds.on(Ground::hasFile, "pread", call -> call.file().number(call.offset()));
        PairKinds.on(
                ground -> ground == Ground.CACHED_FILE || ground == Ground.HOST_FILE, "reclaim", FileKinds::reclaim);
        PairKinds.on(
                ground -> ground == Ground.PRIVATE_FILE || ground == Ground.SHARED_FILE,
                "seal-write",
                call -> ((GroundFile.InMemory) call.file()).file().addSeals(Mman.SEAL_WRITE));
        PairKinds.on(FileKinds::isOfHost, "fsync", call -> {
            long saved = host(call).fsync();
            noteSaved(call, saved, 0, Ground.PAGES);
            return saved;
        });
        PairKinds.on(FileKinds::isOfHost, "evict", call -> {
            host(call).evict();
            return "evicted";
        });
    }

    /**
     * Records the device's contents of some pages after a save. They are a part of the outcome, so a store that
     * preceded the save must be on the device.
     */
    static void noteSaved(Call call, long result, long first, long behind) {
        if (result == 0 && call.state().file instanceof HostGroundFile file) {
            for (long page = first; page < behind; page++) {
                call.state().saved.put(call.label() + " has saved " + page, "" + file.channel.forcedNumber(page));
            }
        }
    }

    private static boolean isOfHost(Ground ground) {
        return ground == Ground.HOST_FILE;
    }

    private static HostGroundFile host(Call call) {
        return (HostGroundFile) call.file();
    }

    /**
     * Writes to so many fresh pages of another space that clean pages of the file must be reclaimed, and unmaps the
     * fresh pages.
     */
    private static Object reclaim(Call call) {
        int free = PairScenario.FRAMES - (int) call.state().machine.statistics().framesInUse();
        AddressSpace other = call.state().other();
        long length = (free + 1) * PAGE;
        other.mmap(PairKinds.ELSEWHERE, length, SpaceScenario.RW, SpaceScenario.FIXED, null, 0);
        try (Cpu cpu = call.state().machine.claimCpu()) {
            cpu.switchTo(other);
            for (long at = 0; at < length; at += PAGE) {
                SpaceScenario.store(cpu, PairKinds.ELSEWHERE + at, 1);
            }
        }
        return other.munmap(PairKinds.ELSEWHERE, length);
    }
}
