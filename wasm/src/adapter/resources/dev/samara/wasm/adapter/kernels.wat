;; SPDX-License-Identifier: Apache-2.0
;; What Comparison measures. `wat2wasm --enable-threads kernels.wat` makes kernels.wasm.
(module
  (memory (export "memory") 16 32767)

  (func (export "grow") (param $pages i32) (result i32)
    (memory.grow (local.get $pages)))

  ;; The number of primes below a limit: bytes are stored at small and at large strides.
  (func (export "sieve") (param $limit i32) (result i32)
    (local $candidate i32) (local $multiple i32) (local $primes i32)
    (memory.fill (i32.const 0) (i32.const 0) (local.get $limit))
    (local.set $candidate (i32.const 2))
    (loop $next
      (if (i32.eqz (i32.load8_u (local.get $candidate)))
        (then
          (local.set $primes (i32.add (local.get $primes) (i32.const 1)))
          (local.set $multiple (i32.add (local.get $candidate) (local.get $candidate)))
          (block $crossed
            (loop $cross
              (br_if $crossed (i32.ge_u (local.get $multiple) (local.get $limit)))
              (i32.store8 (local.get $multiple) (i32.const 1))
              (local.set $multiple (i32.add (local.get $multiple) (local.get $candidate)))
              (br $cross)))))
      (local.set $candidate (i32.add (local.get $candidate) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $candidate) (local.get $limit))))
    (local.get $primes))

  ;; The trace of a product of two square matrices of doubles: rows and columns.
  (func $element (param $matrix i32) (param $index i32) (result i32)
    (i32.shl (i32.add (local.get $matrix) (local.get $index)) (i32.const 3)))
  (func (export "matrix") (param $n i32) (result f64)
    (local $cells i32) (local $row i32) (local $column i32) (local $k i32) (local $sum f64) (local $trace f64)
    (local.set $cells (i32.mul (local.get $n) (local.get $n)))
    (local.set $k (i32.const 0))
    (loop $fill
      (f64.store (call $element (i32.const 0) (local.get $k))
        (f64.convert_i32_u (i32.rem_u (local.get $k) (i32.const 11))))
      (f64.store (call $element (local.get $cells) (local.get $k))
        (f64.convert_i32_u (i32.rem_u (local.get $k) (i32.const 7))))
      (local.set $k (i32.add (local.get $k) (i32.const 1)))
      (br_if $fill (i32.lt_u (local.get $k) (local.get $cells))))
    (loop $rows
      (local.set $column (i32.const 0))
      (loop $columns
        (local.set $sum (f64.const 0))
        (local.set $k (i32.const 0))
        (loop $products
          (local.set $sum (f64.add (local.get $sum) (f64.mul
            (f64.load (call $element (i32.const 0)
              (i32.add (i32.mul (local.get $row) (local.get $n)) (local.get $k))))
            (f64.load (call $element (local.get $cells)
              (i32.add (i32.mul (local.get $k) (local.get $n)) (local.get $column)))))))
          (local.set $k (i32.add (local.get $k) (i32.const 1)))
          (br_if $products (i32.lt_u (local.get $k) (local.get $n))))
        (if (i32.eq (local.get $row) (local.get $column))
          (then (local.set $trace (f64.add (local.get $trace) (local.get $sum)))))
        (local.set $column (i32.add (local.get $column) (i32.const 1)))
        (br_if $columns (i32.lt_u (local.get $column) (local.get $n))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $rows (i32.lt_u (local.get $row) (local.get $n))))
    (local.get $trace))

  ;; A load and a store at random words of the first 2^bits bytes (xorshift).
  (func (export "random") (param $bits i32) (param $times i32) (result i32)
    (local $state i32) (local $address i32) (local $sum i32)
    (local.set $state (i32.const 0x2545f491))
    (loop $again
      (local.set $state (i32.xor (local.get $state) (i32.shl (local.get $state) (i32.const 13))))
      (local.set $state (i32.xor (local.get $state) (i32.shr_u (local.get $state) (i32.const 17))))
      (local.set $state (i32.xor (local.get $state) (i32.shl (local.get $state) (i32.const 5))))
      (local.set $address (i32.and (i32.const -4)
        (i32.shr_u (local.get $state) (i32.sub (i32.const 32) (local.get $bits)))))
      (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $address))))
      (i32.store (local.get $address) (i32.xor (local.get $sum) (local.get $state)))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $again (local.get $times)))
    (local.get $sum))

  ;; Copies a block from the start of the memory to behind itself.
  (func (export "copies") (param $size i32) (param $times i32)
    (loop $again
      (memory.copy (local.get $size) (i32.const 0) (local.get $size))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $again (local.get $times))))

  ;; Stores one byte in each of the first pages of 64 KiB.
  (func (export "touch") (param $pages i32) (param $value i32)
    (loop $again
      (local.set $pages (i32.sub (local.get $pages) (i32.const 1)))
      (i32.store8 (i32.shl (local.get $pages) (i32.const 16)) (local.get $value))
      (br_if $again (local.get $pages))))

  ;; A call that does next to nothing.
  (func (export "increment") (result i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.load (i32.const 0)))
)
