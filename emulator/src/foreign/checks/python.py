# SPDX-License-Identifier: Apache-2.0
# Maps, threads, processes, signals, numbers, modules of the standard library.
import hashlib, json, math, mmap, os, re, signal, struct, sys, tempfile, threading, zlib
import decimal, fractions, itertools, random, collections, subprocess, array, ctypes.util
print(sys.version.split()[0], sys.platform, sys.byteorder, os.uname().machine)
with open("python.tmp", "w+b") as f:
    f.truncate(5 * mmap.PAGESIZE)
    with mmap.mmap(f.fileno(), 0) as m, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY) as private:
        m[4090:4102] = b"over an edge"
        private[0:7] = b"private"
        print(m.find(b"edge"), bytes(m[0:4]), bytes(private[0:7]), bytes(private[4090:4102]))
        m.move(100, 4090, 12); m.flush(); print(bytes(m[100:112]))
        m.resize(9 * mmap.PAGESIZE); print(len(m), os.fstat(f.fileno()).st_size)
        m.madvise(mmap.MADV_DONTNEED); print(bytes(m[100:112]))
os.remove("python.tmp")
anonymous = mmap.mmap(-1, 4096 * 3)
if os.fork() == 0:
    anonymous[0:5] = b"child"
    os._exit(7)
print(os.waitstatus_to_exitcode(os.wait()[1]), bytes(anonymous[0:5]))
counts = collections.Counter()
lock = threading.Lock()
def work(k):
    for i in range(500):
        with lock:
            counts[k % 3] += i
threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(counts.items()))
signal.signal(signal.SIGALRM, lambda *a: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.05); signal.pause()
print(signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN]) )
for i in range(3): os.kill(os.getpid(), signal.SIGRTMIN)
got = 0
while signal.sigtimedwait([signal.SIGRTMIN], 0): got += 1
print("queued", got)
print(0.1 + 0.2, 1e22, 5e-324, float("1.7976931348623157e308"), round(2.675, 2), 1e23, float.fromhex("0x1.8p-1070"))
print(math.gamma(5.5), math.fsum([0.1] * 10), math.nextafter(1, 2), math.exp(1), 2.0 ** 0.5, -7 // 2.0, 1e16 + 1)
try: math.exp(1000)
except OverflowError as e: print(e)
print(repr(decimal.Decimal(2).sqrt()), fractions.Fraction(0.1), 3 ** 200 % 10 ** 20, int("9" * 60) * 7)
random.seed(42); print(random.random(), random.sample(range(1000), 5), random.gauss(0, 1))
data = bytes(itertools.islice(itertools.cycle(range(251)), 100000))
print(hashlib.sha256(data).hexdigest(), zlib.crc32(data), len(zlib.compress(data)), hashlib.blake2b(data).hexdigest()[:16])
print(json.dumps(json.loads('{"a": [1.5, null, "\\u00e9"], "b": {"c": 1e-7}}'), sort_keys=True))
print(re.findall(r"(\w+)@(\w+)\.com", "a@b.com, cd@ef.com"), struct.pack("<dfq", 1.1, 2.2, -3).hex())
print(subprocess.run(["busybox", "tr", "a-z", "A-Z"], input=b"through a child", capture_output=True).stdout)
print(array.array("d", [1, 2, 3]).tobytes().hex()[-16:], sorted(os.listdir("."))[:1], os.path.exists("/proc/self/maps"))
r, w = os.pipe(); os.set_blocking(r, False)
try: os.read(r, 1)
except BlockingIOError as e: print(e)
import fcntl
with tempfile.TemporaryFile(dir=".") as f: fcntl.lockf(f, fcntl.LOCK_EX); fcntl.flock(f, fcntl.LOCK_EX); print("locked")
