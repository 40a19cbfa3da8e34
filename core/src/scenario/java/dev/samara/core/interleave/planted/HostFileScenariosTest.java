// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A file of the host, in all schedules with few preemptions")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(16)
final class HostFileScenariosTest {
    @ParameterizedTest
    @DisplayName("has on the device, when a save returns, each store that came before it")
    @ValueSource(
            classes = {
                HostFileScenarios.SavedBesideMove.class,
                HostFileScenarios.SavedBesideUnmap.class,
                HostFileScenarios.SavedBesideDiscard.class,
                HostFileScenarios.SavedBesideFork.class,
                HostFileScenarios.SavedBesideEviction.class,
                HostFileScenarios.SavedBesideClose.class,
                HostFileScenarios.SavedBesideStores.class,
                HostFileScenarios.SavedBesideWrites.class,
                PeriodicScenarios.SavedBesideRound.class,
                PeriodicScenarios.LastCloseBesideRound.class,
                HostFileScenarios.LastCloseBesideOpen.class
            })
    void saves(Class<? extends Scenario> type) {
        explore(type);
    }

    @ParameterizedTest
    @DisplayName("keeps no page behind its end, in memory or in the host")
    @ValueSource(
            classes = {
                HostFileScenarios.SavedBesideTruncation.class,
                EvictionScenarios.DirtyEvictionBesideTruncation.class,
                PeriodicScenarios.TruncatedBesideRound.class,
                HostFileScenarios.ReadBesideTruncation.class,
                HostFileScenarios.ReadToTheEnd.class
            })
    void ends(Class<? extends Scenario> type) {
        explore(type);
    }

    @ParameterizedTest
    @DisplayName("loses no store and no locked page by an eviction, or by a read that is late")
    @ValueSource(
            classes = {
                EvictionScenarios.EvictionBesideStore.class,
                EvictionScenarios.EvictionInVainBesideLoad.class,
                EvictionScenarios.EvictionInVainBesideRead.class,
                EvictionScenarios.EvictionBesideGuest.class,
                EvictionScenarios.DirtyEvictionBesideStore.class,
                EvictionScenarios.EvictionBesideLock.class,
                EvictionScenarios.TwoEvictions.class,
                HostFileScenarios.ReadBesideWrite.class,
                HostFileScenarios.UncachedReadBesideWrites.class,
                DirectWriteScenarios.DirectWriteBesideLoad.class,
                DirectWriteScenarios.DirectWriteOverEndBesideLoad.class,
                DirectWriteScenarios.DirectWriteBesideRead.class,
                DirectWriteScenarios.DirectWriteBesideEvictionInVain.class,
                DirectWriteScenarios.DirectWriteBesideSave.class,
                EvictionScenarios.Limited.class
            })
    void evicts(Class<? extends Scenario> type) {
        explore(type);
    }

    @ParameterizedTest
    @DisplayName("has each block in memory whole or not at all, and loses no store to it")
    @ValueSource(
            classes = {
                BlockScenarios.FaultBesideEvictionInVain.class,
                BlockScenarios.FaultBesideGrowth.class,
                BlockScenarios.LookBesideInsertion.class,
                BlockScenarios.StoreBesideSaveAndEviction.class,
                BlockScenarios.StoreByEntryBesideEviction.class
            })
    void blocks(Class<? extends Scenario> type) {
        explore(type);
    }

    @ParameterizedTest
    @DisplayName("is kept after its last close only as long as nobody opens it, and the machine has not ended")
    @ValueSource(
            classes = {
                KeptScenarios.LastCloseBesideOpen.class,
                KeptScenarios.LastCloseBesideEnd.class,
                KeptScenarios.TwoOpensWithoutDescriptor.class
            })
    void keeps(Class<? extends Scenario> type) {
        explore(type);
    }

    @ParameterizedTest
    @DisplayName("is written from time to time as long as it is open for writing")
    @ValueSource(classes = PeriodicScenarios.OpenBesideLastRound.class)
    void goesOn(Class<? extends Scenario> type) {
        explore(type);
    }

    @ParameterizedTest
    @DisplayName("has no bytes, in memory or in the host, that its hooks have refused or not seen")
    @ValueSource(classes = {HookScenarios.SaveBeforeLog.class, HookScenarios.LoadsOfRefusedPage.class})
    void asksHooks(Class<? extends Scenario> type) {
        explore(type);
    }

    @ParameterizedTest
    @DisplayName("stays locked beside opens and closes of other threads")
    @ValueSource(classes = {LockScenarios.ExclusiveLockBesideOpen.class, LockScenarios.SharedLockBesideOpen.class})
    void locks(Class<? extends Scenario> type) {
        explore(type);
    }

    @ParameterizedTest
    @DisplayName("tells each open once of a failure")
    @ValueSource(
            classes = {HostFileScenarios.TwoOpensOfFailedWrite.class, HostFileScenarios.TwoOpensOfFailedForce.class})
    void tells(Class<? extends Scenario> type) {
        explore(type);
    }

    private static void explore(Class<? extends Scenario> type) {
        Strategy strategy = Strategy.bounded(Integer.getInteger("interleave.bound", 1));
        Exploration exploration = SteppedScenarios.explore(type);
        Exploration.Result result = SteppedScenarios.result(type, exploration, strategy, 0);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
